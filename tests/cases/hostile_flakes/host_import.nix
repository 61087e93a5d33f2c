# Evaluates a file of the host.
# ends: evaluate
# says: forbidden in pure
import /etc/hostname
