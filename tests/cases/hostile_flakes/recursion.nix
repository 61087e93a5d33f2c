# Calls itself without end.
# ends: evaluate
# says: (stack overflow|infinite recursion)
let f = n: 1 + f (n + 1); in f 0
