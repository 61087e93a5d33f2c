# Asks for B's source by its hash.
# ends: evaluate
# says: .
builtins.readFile ((builtins.fetchTree { type = "path"; path = "@B_SOURCE@"; narHash = "@B_HASH@"; }) + "/secret.txt")
