# A builder reads B's output by its path.
# as: toplevel
# ends: build
# says: nothing of B
sh ''
  cat @B_OUT@/secret.txt @B_SOURCE@/secret.txt && { cat @B_OUT@/secret.txt > $out; exit 0; }
  echo nothing of B; exit 1
''
