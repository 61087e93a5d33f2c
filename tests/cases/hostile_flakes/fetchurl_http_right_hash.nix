# Downloads from a server on the host, with the right hash.
# ends: evaluate
# says: no network
builtins.readFile (builtins.fetchurl { url = "http://127.0.0.1:@PORT@/secret"; sha256 = "@SHA256@"; })
