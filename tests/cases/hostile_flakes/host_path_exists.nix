# Asks whether a file of the host exists.
# ends: evaluate
# says: .
if builtins.pathExists /etc/shadow then "it is there" else throw "not to be seen"
