# Traces without end.
# ends: evaluate
# code: limit
# says: evaluation wrote more than 4
builtins.foldl' (a: i: builtins.trace "0123456789abcdef0123456789abcdef0123456789abcdef" (a + i)) 0 (builtins.genList (x: x) 1000000)
