# Lists the store.
# ends: evaluate
# says: forbidden
builtins.readDir "/nix/store"
