# A pattern that never ends.
# ends: evaluate
# code: timeout
# says: evaluation took longer than 4 s
# set: evaluation_deadline=4
builtins.match "(a*)*b" (builtins.concatStringsSep "" (builtins.genList (_: "a") 40))
