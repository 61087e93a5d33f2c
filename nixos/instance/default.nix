# The NixOS module of an instance: the seed.* options, and what they mean inside the machine.
# lib.mkSeed adds it to every instance; docs/nix.md is its manual.
{
  imports = [
    ./options.nix
    ./meta.nix
    ./profile.nix
    ./network.nix
    ./storage.nix
    ./connect.nix
    ./acme.nix
    ./secrets.nix
    ./runtime-directories.nix
    ../services/mtls-proxy.nix
    ../services/postgresql
    ../services/zitadel.nix
  ];
}
