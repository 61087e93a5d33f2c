# Mistakes of an operator that types cannot catch, each with its option and the remedy.
{ config, lib, ... }:
let
  cfg = config.services.seed;
  schemas = import ./schema.nix { inherit lib; };
  text = import ../lib/text.nix;
  credentials = import ./credentials.nix { names = lib.attrNames cfg.credentials; inherit (cfg) providers; };
  port = address: lib.toInt (lib.last (lib.splitString ":" address));
  openssh = config.services.openssh;
  # Every provider's choice, with the option it was made by.
  chosen = lib.concatLists (lib.mapAttrsToList (kind: given: map (choice: { inherit kind choice; }) (if given == null then [ ] else lib.toList given)) cfg.providers);
  mistakes = credentials.mistakes
    ++ lib.optional (!text.isDomainName cfg.domain) "services.seed.domain ${text.shown cfg.domain} is not a domain name: write it like \"seed.example.org\""
    ++ lib.optional (cfg.silo != null && !text.isDomainName cfg.silo) "services.seed.silo ${text.shown cfg.silo} is not a host name: write it like \"silo.example.org\""
    ++ lib.optional (openssh.enable && openssh.listenAddresses == [ ] && lib.elem (port cfg.listen.ssh) openssh.ports)
      "services.seed.listen.ssh and services.openssh.ports both use port ${toString (port cfg.listen.ssh)}: move the host's own, services.openssh.ports = [ 2222 ];, or change services.seed.listen.ssh"
    ++ lib.optional (port cfg.listen.ssh == port cfg.listen.http) "services.seed.listen.ssh and services.seed.listen.http both use port ${toString (port cfg.listen.ssh)}: give one another port";
in {
  config = lib.mkIf cfg.enable {
    assertions = map (message: { assertion = false; inherit message; }) mistakes;
    warnings =
      lib.concatMap ({ kind, choice }:
        map (key: "services.seed.providers.${kind}.settings.${key} is a secret and will be readable for everybody in the Nix store: use services.seed.credentials and the setting that takes a file")
          (lib.filter (key: choice.settings.${key} or null != null) (schemas.secretKeys (schemas.of cfg.plugins choice.plugin)))) chosen;
  };
}
