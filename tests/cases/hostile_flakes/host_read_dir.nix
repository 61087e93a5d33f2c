# Lists a folder of the host.
# ends: evaluate
# says: forbidden in pure
builtins.readDir /etc
