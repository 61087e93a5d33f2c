# An input without a lock is an archive on the host's loopback.
# as: flake
# ends: evaluate
# says: no network|inputs
{ inputs.e = { url = "http://127.0.0.1:@PORT@/x.tar.gz"; flake = false; }; outputs = { self, e }: { seeds.x = { meta.v = builtins.readDir e; toplevel = e; }; }; }
