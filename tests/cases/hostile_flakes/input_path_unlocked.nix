# An input without a lock is a folder that the box has.
# as: flake
# ends: evaluate
# says: inputs that flake.lock does not pin
{ inputs.e = { url = "path:/etc/nix"; flake = false; }; outputs = { self, e }: { seeds.x = { meta.v = builtins.readFile (e + "/nix.conf"); toplevel = e; }; }; }
