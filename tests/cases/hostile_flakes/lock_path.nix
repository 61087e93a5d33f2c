# flake.lock names a folder of the host.
# as: flake
# file: flake.lock: {"nodes":{"root":{"inputs":{"e":"e"}},"e":{"flake":false,"locked":{"type":"path","path":"/etc","narHash":"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},"original":{"type":"path","path":"/etc","narHash":"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}},"root":"root","version":7}
# ends: unpack
# says: input 'e' of type 'path' .path:/etc. is not allowed
{ inputs.e = { url = "path:/etc"; flake = false; }; outputs = { self, e }: { seeds.x = { meta.v = builtins.readFile (e + "/passwd"); toplevel = e; }; }; }
