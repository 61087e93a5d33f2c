# A value that contains itself.
# ends: evaluate
# says: .
let a = { b = a; }; in a
