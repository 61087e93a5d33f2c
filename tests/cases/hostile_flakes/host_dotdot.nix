# Climbs out of its source.
# ends: evaluate
# says: .
builtins.readFile ../../../../etc/passwd
