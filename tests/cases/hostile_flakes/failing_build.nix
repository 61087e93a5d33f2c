# An honest mistake: the builder's last words are shown with its name.
# as: toplevel
# ends: build
# says: thing, the end of its log:\n  one line before\n  the builder is sad
sh "echo one line before; echo the builder is sad; exit 3"
