# One instance that runs ./script.sh as root in its machine, with all busybox applets in PATH.  What the script prints is the page
# /result.txt on port 80, ending in a line END; the page is served from the start.  The volume is /data.  bb/busybox comes from make_flake.
{
  outputs = { self }: let
    bb = builtins.path { path = ./bb; name = "bb"; };
    script = builtins.path { path = ./script.sh; name = "script.sh"; };
    toplevel = builtins.derivation {
      name = "scripted";
      system = "x86_64-linux";
      builder = "${bb}/busybox";
      bb = "${bb}/busybox";
      inherit script;
      args = [ "sh" "-ec" ''
        $bb mkdir -p $out/bin
        $bb cp $bb $out/bin/busybox
        $bb chmod 755 $out/bin/busybox
        for applet in $($bb --list); do $bb test $applet = busybox || $bb ln -s busybox $out/bin/$applet; done
        if $bb test -e ${bb}/probe; then $bb cp ${bb}/probe $out/bin/probe; $bb chmod 755 $out/bin/probe; fi
        {
          echo "#!$out/bin/sh"
          echo "export PATH=$out/bin"
          echo '[ ! -f /run/seed/env ] || { set -a; . /run/seed/env; set +a; }'
          echo 'trap "sync; poweroff -f" TERM INT PWR USR2 38'
          echo 'mkdir -p /run/www; cat /proc/sys/kernel/random/boot_id > /run/www/boot; touch /run/www/result.txt'
          echo 'echo "answering as $SEED_INSTANCE" > /run/www/index.html'
          echo "httpd -f -p '[::]:80' -h /run/www &"
          echo "(sh $script; echo; echo END) > /run/www/result.txt 2>&1 &"
          echo 'while :; do wait; sleep 1; done'
        } > $out/init
        $bb chmod 755 $out/init
      '' ];
    };
  in {
    seeds.scripted = {
      inherit toplevel;
      meta = { name = "scripted"; size = "xs"; expose.http = { port = 80; protocol = "http"; }; storage = { data = { size = "32Mi"; mountPoint = "/data"; }; }; };
    };
  };
}
