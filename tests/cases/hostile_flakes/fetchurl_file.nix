# Reads a file of the host as a download.
# ends: evaluate
# says: .
builtins.readFile (builtins.fetchurl { url = "file://@SECRET@"; sha256 = "@SHA256@"; })
