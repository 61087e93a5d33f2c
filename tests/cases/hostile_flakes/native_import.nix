# Loads a library during evaluation.
# ends: evaluate
# says: importNative
builtins.importNative ./x.so "init"
