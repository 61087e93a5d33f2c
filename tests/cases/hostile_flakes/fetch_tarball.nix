# Downloads an archive.
# ends: evaluate
# says: .
builtins.readDir (builtins.fetchTarball { url = "http://127.0.0.1:@PORT@/x.tar.gz"; sha256 = "@SHA256@"; })
