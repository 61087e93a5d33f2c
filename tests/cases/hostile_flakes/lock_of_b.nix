# flake.lock claims that an allowed input has the hash of B's source, which Nix believes when the path exists.
# as: flake
# set: allow=github
# file: flake.lock: {"nodes":{"root":{"inputs":{"e":"e"}},"e":{"flake":false,"locked":{"type":"github","owner":"x","repo":"y","rev":"0123456789012345678901234567890123456789","narHash":"@B_HASH@","lastModified":1},"original":{"type":"github","owner":"x","repo":"y","rev":"0123456789012345678901234567890123456789","narHash":"@B_HASH@","lastModified":1}}},"root":"root","version":7}
# set: address=github.com=127.0.0.1:1
# ends: unpack
# says: input 'e' .github:x/y. cannot be fetched
{ inputs.e = { url = "github:x/y"; flake = false; }; outputs = { self, e }: { seeds.x = { meta.v = builtins.readFile (e + "/secret.txt"); toplevel = e; }; }; }
