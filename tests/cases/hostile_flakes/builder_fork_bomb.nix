# A builder that only makes processes.
# as: toplevel
# ends: build
# says: .
# set: build_deadline=20
sh ''
  b() { b | b & }; b; sleep 3; echo survived; exit 1
''
