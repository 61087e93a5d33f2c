# A setuid program in an output: Nix refuses the bit.
# as: toplevel
# ends: harmless
sh "mkdir $out; cp ${busybox} $out/b; chmod 4755 $out/b 2>/dev/null; test ! -u $out/b"
