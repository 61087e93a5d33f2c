# An input that only a registry could explain.
# as: flake
# ends: evaluate
# says: inputs that flake.lock does not pin
{ outputs = { self, nixpkgs }: { seeds = { }; }; }
