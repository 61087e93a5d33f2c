# An instance without anything to boot.
# as: seeds
# ends: evaluate
# says: seeds.x needs `meta` and `toplevel`
{ x = { meta = { }; }; }
