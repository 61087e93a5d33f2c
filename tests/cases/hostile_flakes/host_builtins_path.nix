# Copies a folder of the host into the store.
# ends: evaluate
# says: forbidden in pure
builtins.path { path = /etc; name = "etc"; }
