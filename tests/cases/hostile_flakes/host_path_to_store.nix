# Copies a file of the host into the store.
# ends: evaluate
# says: forbidden in pure
"${/etc/passwd}"
