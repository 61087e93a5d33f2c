{
  description = "A first seed: one instance that answers HTTP and counts its boots";

  # No inputs: everything is made of one static busybox that lies beside this file.  Whoever creates the repository copies it:
  #   mkdir -p bb && cp /bin/busybox bb/busybox && git add bb        (Debian: package busybox-static)
  # With nixpkgs at hand you would write a NixOS module instead; the platform only wants what `seeds` below says.
  outputs = { self }: let
    bb = if builtins.pathExists ./bb/busybox
      then builtins.path { path = ./bb; name = "bb"; }
      else throw "bb/busybox is missing: mkdir -p bb && cp /bin/busybox bb/busybox && git add bb";

    # A derivation whose builder is busybox's shell.  The file must be called busybox: its name chooses the applet.
    derive = args: builtins.derivation ({ system = "x86_64-linux"; builder = "${bb}/busybox"; } // args);

    tools = derive {
      name = "busybox-tools";
      bb = "${bb}/busybox";
      args = [ "sh" "-ec" ''
        $bb mkdir -p $out/bin
        $bb cp $bb $out/bin/busybox
        $bb chmod 755 $out/bin/busybox
        for applet in $($bb --list); do $bb test $applet = busybox || $bb ln -s busybox $out/bin/$applet; done
      '' ];
    };

    # PID 1 of the machine.  /proc /sys /dev /run, a writable root, the store and the volumes are mounted when it starts.
    init = ''
      #!${tools}/bin/sh
      export PATH=${tools}/bin
      if [ -f /run/seed/env ]; then
        while IFS= read -r line; do case $line in [A-Z]*=*) export "$line";; esac; done < /run/seed/env
      fi

      stop() {   # asked to power off
        trap "" TERM INT PWR USR1 USR2
        echo "hello: stopping"
        [ -n "$server" ] && kill $server
        sync
        umount /seed/storage/data 2>/dev/null
        poweroff -f
      }
      trap stop TERM INT PWR USR2 38      # 38: what systemd calls SIGRTMIN+4, power off

      boots=1
      if [ -d /seed/storage/data ]; then
        [ -s /seed/storage/data/boots ] && boots=$(( $(cat /seed/storage/data/boots) + 1 ))
        echo $boots > /seed/storage/data/boots.new && mv /seed/storage/data/boots.new /seed/storage/data/boots
        sync
      fi

      mkdir -p /run/www
      {
        echo "Hello from instance ''${SEED_INSTANCE:-unknown} in namespace ''${SEED_NAMESPACE:-unknown}."
        echo "Boot number $boots of its volume."
        echo
        env | grep '^SEED_' | sort
      } > /run/www/index.txt
      httpd -f -p "[::]:80" -h /run/www -c ${config} &
      server=$!
      echo "hello: boot $boots, serving on port 80"
      while :; do wait $server; kill -0 $server 2>/dev/null || { echo "hello: the web server ended"; sleep 1; stop; }; done
    '';
    config = builtins.toFile "httpd.conf" "I:index.txt\n.txt:text/plain\n";

    toplevel = derive {
      name = "hello";
      inherit init tools;
      PATH = "${tools}/bin";
      args = [ "sh" "-ec" ''
        mkdir -p $out
        printf %s "$init" > $out/init
        chmod 755 $out/init
        ln -s $tools $out/sw
      '' ];
    };
  in {
    seeds.hello = {
      inherit toplevel;
      meta = {
        name = "hello";
        size = "xs";
        expose.http = { port = 80; protocol = "http"; };
        storage = { data = "64Mi"; };          # mounted at /seed/storage/data; outlives every deployment
        rollout = "recreate";
      };
    };
  };
}
