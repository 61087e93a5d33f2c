# Counts for ever.
# ends: evaluate
# code: timeout
# says: evaluation took longer than 4 s
# set: evaluation_deadline=4
builtins.foldl' (a: i: builtins.foldl' (b: j: b + j) a (builtins.genList (x: x) 3000000)) 0 (builtins.genList (x: x) 100000)
