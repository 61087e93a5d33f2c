# An output that is small on its disk and large as an image.
# as: toplevel
# ends: image
# says: larger than
# code: limit
# set: store_bytes=100000000
sh "mkdir $out; dd if=/dev/zero of=$out/hole bs=1 count=1 seek=300000000"
