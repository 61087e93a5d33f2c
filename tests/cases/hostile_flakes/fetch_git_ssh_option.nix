# Runs a command through an option of ssh.
# ends: evaluate
# says: .
builtins.fetchGit { url = "ssh://-oProxyCommand=touch%20@TOUCHED@/x"; rev = "0123456789012345678901234567890123456789"; }
