# As many instances as ./seeds.json has: {"NAME": {"script": "...", any meta ...}}.  Each runs its script as root in its machine, with
# all busybox applets and guest_tool in PATH and the variables of /run/seed/env set.  What is not the script is `meta`, so that changing an
# option changes no closure.  ./flake.json, when it is there, is what stands beside `seeds`: combine, ipv4, ipv6.  bb/busybox comes from make_flake, bb/guest_tool from the test.
{
  outputs = { self }: let
    bb = builtins.path { path = ./bb; name = "bb"; };
    seeds = builtins.fromJSON (builtins.readFile ./seeds.json);
    toplevel = name: script: builtins.derivation {
      inherit name;
      system = "x86_64-linux";
      builder = "${bb}/busybox";
      bb = "${bb}/busybox";
      script = builtins.toFile "script.sh" script;
      args = [ "sh" "-ec" ''
        $bb mkdir -p $out/bin
        $bb cp $bb ${bb}/guest_tool $out/bin/
        $bb chmod 755 $out/bin/busybox $out/bin/guest_tool
        for applet in $($bb --list); do $bb test $applet = busybox || $bb ln -s busybox $out/bin/$applet; done
        {
          echo "#!$out/bin/sh"
          echo "export PATH=$out/bin"
          echo 'set -a; . /run/seed/env; set +a'
          echo 'trap "sync; poweroff -f" TERM INT PWR USR2 38'
          echo 'mkdir -p /run/www; cat /proc/sys/kernel/random/boot_id > /run/www/boot'
          echo "sh $script &"
          echo 'wait $!; echo "the script has ended"; while :; do wait; sleep 1; done'
        } > $out/init
        $bb chmod 755 $out/init
      '' ];
    };
  in {
    seeds = builtins.mapAttrs (name: seed: {
      toplevel = toplevel name seed.script;
      meta = { inherit name; size = "xs"; } // removeAttrs seed [ "script" ];
    }) seeds;
  } // (if builtins.pathExists ./flake.json then builtins.fromJSON (builtins.readFile ./flake.json) else { });
}
