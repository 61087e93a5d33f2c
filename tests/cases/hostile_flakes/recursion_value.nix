# Is defined by itself.
# ends: evaluate
# says: infinite recursion
let z = z; in z
