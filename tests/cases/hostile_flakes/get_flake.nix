# Evaluates another flake.
# ends: evaluate
# says: .
builtins.getFlake "path:/etc"
