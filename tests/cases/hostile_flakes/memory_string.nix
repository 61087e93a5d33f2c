# Doubles a string 36 times.
# ends: evaluate
# code: limit
# says: evaluation needed more than 256.* of memory
# set: evaluation_memory=268435456
let d = n: s: if n == 0 then s else d (n - 1) (s + s); in builtins.stringLength (d 36 "0123456789abcdef")
