# Text that nests ten million levels deep.
# ends: evaluate
# says: .
builtins.fromJSON (builtins.concatStringsSep "" (builtins.genList (_: "[") 10000000))
