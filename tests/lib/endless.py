"""A flake whose evaluation does not end for a quarter of an hour at least, and stays small: short lists only, which are garbage soon."""

ENDLESS = """{
  outputs = { self }: { seeds.x = {
    meta = {
      name = "x";
      size = builtins.foldl' (outer: _: builtins.foldl' (inner: _: builtins.hashString "sha512" inner) outer (builtins.genList (x: x) 10000)) "s" (builtins.genList (x: x) 200000);
    };
    toplevel = builtins.derivation { name = "x"; system = "x86_64-linux"; builder = "/x"; }; }; };
}
"""
