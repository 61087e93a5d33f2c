# Runs a program during evaluation.
# ends: evaluate
# says: exec
builtins.exec [ "touch" "@TOUCHED@" ]
