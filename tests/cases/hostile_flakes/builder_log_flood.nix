# A builder that writes without end.
# as: toplevel
# ends: build
# says: log output
sh "yes this line again and again"
