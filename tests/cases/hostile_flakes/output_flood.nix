# Prints more than anybody wants to read.
# ends: evaluate
# code: limit
# says: evaluation wrote more than 4
builtins.genList (x: "0123456789abcdef0123456789abcdef") 200000
