# Nix's own downloader, which runs as the box and not in a sandbox, is asked for http://127.0.0.1:@PORT@/secret.
# as: toplevel
# ends: build
# says: .
builtins.derivation {
  name = "fetched"; system = "builtin"; builder = "builtin:fetchurl"; url = "http://127.0.0.1:@PORT@/secret"; outputHashMode = "flat"; outputHashAlgo = "sha256";
  outputHash = "@SHA256@"; preferLocalBuild = true;
}
