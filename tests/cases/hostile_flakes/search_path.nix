# Uses the search path.
# ends: evaluate
# says: .
<nixpkgs>
