# Fetches an archive.
# ends: evaluate
# says: .
builtins.fetchTree { type = "tarball"; url = "http://127.0.0.1:@PORT@/x.tar.gz"; }
