# flake.lock nests ten thousand levels deep.
# as: flake
# file: flake.lock: @DEEP@
# ends: unpack
# says: flake.lock nests deeper
{ outputs = { self }: { seeds = { }; }; }
