# The least a flake can be: one instance without ports and volumes, whose init waits.  bb/busybox comes from make_flake.
{
  outputs = { self }: let
    bb = builtins.path { path = ./bb; name = "bb"; };
    toplevel = builtins.derivation {
      name = "minimal";
      system = "x86_64-linux";
      builder = "${bb}/busybox";
      bb = "${bb}/busybox";
      args = [ "sh" "-ec" ''
        $bb mkdir -p $out
        $bb cp $bb $out/busybox
        printf '#!%s/busybox sh\ntrap "%s/busybox poweroff -f" TERM PWR\necho minimal: up\nwhile :; do %s/busybox sleep 1; done\n' \
          $out $out $out > $out/init
        $bb chmod 755 $out/init $out/busybox
      '' ];
    };
  in { seeds.minimal = { meta = { name = "minimal"; size = "xs"; }; inherit toplevel; }; };
}
