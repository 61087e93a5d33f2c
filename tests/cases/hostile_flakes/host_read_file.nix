# Reads a file of the host.
# ends: evaluate
# says: forbidden in pure
builtins.readFile "@SECRET@"
