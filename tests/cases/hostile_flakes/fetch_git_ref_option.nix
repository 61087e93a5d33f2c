# Runs a command through a git ref.
# ends: evaluate
# says: .
builtins.fetchGit { url = "file:///src"; ref = "--upload-pack=touch @TOUCHED@"; rev = "0123456789012345678901234567890123456789"; }
