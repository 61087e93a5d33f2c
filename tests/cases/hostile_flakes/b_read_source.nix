# Reads B's source by its store path.
# ends: evaluate
# says: .
builtins.readFile "@B_SOURCE@/secret.txt"
