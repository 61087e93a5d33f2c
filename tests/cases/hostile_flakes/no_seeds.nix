# Exports nothing.
# as: flake
# ends: evaluate
# says: exports no seeds
{ outputs = { self }: { }; }
