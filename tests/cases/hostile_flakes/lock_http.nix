# flake.lock names an archive on the host's loopback.
# as: flake
# set: allow=github
# file: flake.lock: {"nodes":{"root":{"inputs":{"e":"e"}},"e":{"flake":false,"locked":{"type":"tarball","url":"http://127.0.0.1:@PORT@/x.tar.gz","narHash":"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},"original":{"type":"tarball","url":"http://127.0.0.1:@PORT@/x.tar.gz","narHash":"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}},"root":"root","version":7}
# ends: unpack
# says: input 'e' of type 'tarball' .tarball:http://127.0.0.1:\d+/x.tar.gz. is not allowed
{ inputs.e = { url = "http://127.0.0.1:@PORT@/x.tar.gz"; flake = false; }; outputs = { self, e }: { seeds = { }; }; }
