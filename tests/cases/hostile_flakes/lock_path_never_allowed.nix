# flake.lock names a folder of the host, on a platform whose list says "path".
# as: flake
# set: allow=path
# file: flake.lock: {"nodes":{"root":{"inputs":{"e":"e"}},"e":{"flake":false,"locked":{"type":"path","path":"/etc"},"original":{"type":"path","path":"/etc"}}},"root":"root","version":7}
# ends: unpack
# says: input 'e' of type 'path' .path:/etc. is not allowed
{ inputs.e = { url = "path:/etc"; flake = false; }; outputs = { self, e }: { seeds = { }; }; }
