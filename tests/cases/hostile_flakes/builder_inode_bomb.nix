# A builder that makes files until there are no more.
# as: toplevel
# ends: build
# says: .
# set: store_bytes=67108864
# set: build_deadline=60
sh ''
  mkdir -p $out; cd $out; i=0; while : > $i; do i=$((i+1)); done; echo stopped at $i; exit 1
''
