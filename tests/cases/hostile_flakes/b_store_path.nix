# Reads B's output by its store path.
# ends: evaluate
# says: .
builtins.readFile "${builtins.storePath "@B_OUT@"}/secret.txt"
