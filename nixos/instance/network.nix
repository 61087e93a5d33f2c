# The platform configures eth0, the resolver and the routes before init; NixOS leaves them alone and runs its firewall.
{ config, lib, ... }:
let
  inherit (lib) mkDefault;
  inherit (import ../lib) expose;
  keep = lib.mkOverride 900;      # stronger than the defaults of boot.isContainer, weaker than the instance's author
in {
  networking.useDHCP = keep false;
  networking.dhcpcd.enable = mkDefault false;
  networking.resolvconf.enable = mkDefault false;      # /etc/resolv.conf is the platform's: it knows the namespace to search in
  networking.useHostResolvConf = keep false;

  networking.firewall = {
    enable = mkDefault true;
    allowedTCPPorts = expose.portsOf "tcp" config.seed.meta.expose;
    allowedUDPPorts = expose.portsOf "udp" config.seed.meta.expose;
  };
  networking.nftables.enable = mkDefault true;
  networking.nftables.checkRuleset = mkDefault false;      # checking needs a kernel of its own in the build
}
