# A fixed-output builder, which Nix shows its own /etc, reads the secrets of the host.
# as: toplevel
# ends: build
# says: nothing to read
builtins.derivation {
  name = "fixed"; system = "x86_64-linux"; builder = busybox; outputHashMode = "flat"; outputHashAlgo = "sha256"; outputHash = "@SHA256@";
  args = [ "sh" "-c" "${busybox} cat /etc/shadow @SECRET@ > $out && exit 0; echo nothing to read; exit 1" ];
}
