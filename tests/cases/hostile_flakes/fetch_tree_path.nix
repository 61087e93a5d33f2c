# Fetches a folder of the host.
# ends: evaluate
# says: .
builtins.fetchTree { type = "path"; path = "/etc"; }
