# A symlink in the source leads to a file of the host.
# link: link -> @SECRET@
# ends: evaluate
# says: .
builtins.readFile ./link
