# Nix's own downloader, which runs as the box and not in a sandbox, is asked for file://@SECRET@.
# as: toplevel
# ends: build
# says: .
builtins.derivation {
  name = "fetched"; system = "builtin"; builder = "builtin:fetchurl"; url = "file://@SECRET@"; outputHashMode = "flat"; outputHashAlgo = "sha256";
  outputHash = "@SHA256@"; preferLocalBuild = true;
}
