# Copies a folder of the host through a filter.
# ends: evaluate
# says: forbidden in pure
builtins.filterSource (p: t: true) /etc
