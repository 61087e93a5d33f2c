# A builder that writes until the disk is full.
# as: toplevel
# ends: build
# says: filled the disk
# code: limit
# set: store_bytes=100000000
sh "dd if=/dev/zero of=$out bs=1M"
