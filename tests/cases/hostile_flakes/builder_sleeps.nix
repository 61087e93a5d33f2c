# A builder that never ends.
# as: toplevel
# ends: build
# says: timed out after 2 seconds
# set: build_deadline=4
sh "sleep 1000"
