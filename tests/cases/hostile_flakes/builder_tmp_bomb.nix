# A builder that fills its working folder, which is memory.
# as: toplevel
# ends: build
# says: (filled the disk|memory|signal)
# set: build_memory=268435456
sh "dd if=/dev/zero of=big bs=1M; echo dd ended; exit 1"
