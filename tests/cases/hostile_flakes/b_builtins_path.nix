# Asks for B's source by its hash, as a path.
# ends: evaluate
# says: .
builtins.readFile "${builtins.path { path = "@B_SOURCE@"; sha256 = "@B_HASH@"; name = "source"; }}/secret.txt"
