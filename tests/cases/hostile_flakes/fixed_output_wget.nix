# A fixed-output builder, which Nix gives its own network, asks a server on the host.
# as: toplevel
# ends: build
# says: no way out
builtins.derivation {
  name = "fixed"; system = "x86_64-linux"; builder = busybox; outputHashMode = "flat"; outputHashAlgo = "sha256"; outputHash = "@SHA256@";
  args = [ "sh" "-c" "${busybox} wget -T 2 -q -O $out http://127.0.0.1:@PORT@/secret && exit 0; echo no way out; exit 1" ];
}
