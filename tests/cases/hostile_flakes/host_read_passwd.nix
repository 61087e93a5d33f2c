# Reads the account file.
# ends: evaluate
# says: forbidden in pure
builtins.readFile /etc/passwd
