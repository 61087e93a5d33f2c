# A result that nests deeply.
# ends: evaluate
# says: nests deeper than
let f = n: if n == 0 then 1 else { a = f (n - 1); }; in f 200
