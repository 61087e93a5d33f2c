# A builder that wants all memory.
# as: toplevel
# ends: build
# says: memory
# code: limit
# set: build_memory=134217728
sh "tail /dev/zero; echo tail ended; exit 1"
