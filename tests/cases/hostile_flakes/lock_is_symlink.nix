# flake.lock itself is a symlink to a file of the host.
# as: flake
# link: flake.lock -> @SECRET@
# ends: unpack
# says: flake.lock is not a regular file
{ outputs = { self }: { seeds = { }; }; }
