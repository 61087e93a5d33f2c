# Runs a command through a git transport.
# ends: evaluate
# says: .
builtins.fetchGit { url = "ext::sh -c touch% @TOUCHED@"; rev = "0123456789012345678901234567890123456789"; }
