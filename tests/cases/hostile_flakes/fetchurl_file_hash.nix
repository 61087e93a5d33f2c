# Asks for the hash of a secret of the host.
# ends: evaluate
# says: .
builtins.readFile (builtins.fetchurl { url = "file:///etc/shadow"; sha256 = "0000000000000000000000000000000000000000000000000000000000000000"; })
