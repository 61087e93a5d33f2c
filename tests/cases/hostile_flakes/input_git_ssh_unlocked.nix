# An input without a lock makes Nix run ssh.
# as: flake
# ends: evaluate
# says: .
{ inputs.e = { url = "git+ssh://127.0.0.1/x"; flake = false; }; outputs = { self, e }: { seeds.x = { meta.v = builtins.readDir e; toplevel = e; }; }; }
