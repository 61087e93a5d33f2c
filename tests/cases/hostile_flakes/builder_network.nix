# A builder asks a server on the host and one outside.
# as: toplevel
# ends: build
# says: no way out
sh ''
  wget -T 2 -q -O $out http://127.0.0.1:@PORT@/secret && exit 0
  wget -T 2 -q -O $out http://1.1.1.1/ && exit 0
  echo no way out; exit 1
''
