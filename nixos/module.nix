# services.seed: the platform on a NixOS host.  docs/nix-host.md is its manual.
{
  imports = [ ./host/options.nix ./host/assertions.nix ./host/units.nix ];
}
