# The flake brings settings of its own; Nix ignores them.
# as: flake
# ends: evaluate
# says: (forbidden|attribute 'exec' missing)
{ nixConfig = { allow-unsafe-native-code-during-evaluation = true; sandbox = false; restrict-eval = false; pure-eval = false;
                substituters = [ "http://127.0.0.1:@PORT@" ]; post-build-hook = "@TOUCHED@"; allow-import-from-derivation = true; };
  outputs = { self }: { seeds.x = { meta.v = builtins.readFile /etc/passwd; toplevel = builtins.exec [ "touch" "@TOUCHED@" ]; }; }; }
