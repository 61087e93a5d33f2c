# Clones a folder of the host.
# ends: evaluate
# says: .
builtins.fetchGit "/etc"
