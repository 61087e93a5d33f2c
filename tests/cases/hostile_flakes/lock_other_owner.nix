# flake.lock names an owner whose name only begins like an allowed one.
# as: flake
# set: allow=github:NixOS
# file: flake.lock: {"nodes":{"root":{"inputs":{"e":"e"}},"e":{"flake":false,"locked":{"type":"github","owner":"NixOS-evil","repo":"x","rev":"0123456789012345678901234567890123456789"},"original":{"type":"github","owner":"NixOS-evil","repo":"x","rev":"0123456789012345678901234567890123456789"}}},"root":"root","version":7}
# ends: unpack
# says: github:NixOS-evil/x
{ inputs.e = { url = "github:NixOS-evil/x"; flake = false; }; outputs = { self, e }: { seeds = { }; }; }
