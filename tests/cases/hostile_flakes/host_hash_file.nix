# Hashes a secret of the host.
# ends: evaluate
# says: forbidden in pure
builtins.hashFile "sha256" /etc/shadow
