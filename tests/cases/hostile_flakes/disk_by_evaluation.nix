# Evaluation writes files into the store until the disk is full.
# set: store_bytes=100000000
# ends: evaluate
# code: limit
# says: filled the disk
let s = builtins.concatStringsSep "" (builtins.genList (_: "0123456789abcdef") 1000000);
in builtins.length (builtins.filter (p: p != "") (builtins.genList (i: builtins.toFile "z${toString i}" (s + toString i)) 12))
