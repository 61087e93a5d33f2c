# A list of two thousand million sets.
# ends: evaluate
# code: limit
# says: evaluation needed more than 256.* of memory
# set: evaluation_memory=268435456
builtins.length (builtins.genList (i: { inherit i; }) 2000000000)
