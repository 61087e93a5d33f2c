# seed.meta, and the mistakes that types cannot catch, as assertions.
{ config, lib, ... }:
let
  rules = import ../lib;
  cfg = config.seed;
  described = rules.describe {
    name = cfg.name;
    system = config.nixpkgs.hostPlatform.system or config.nixpkgs.system;
    seed = { inherit (cfg) size expose storage connect rollout autostart acme shoot dns; };
  };
  # Virtual hosts whose certificate the platform will refuse, because the name is not known to be this instance's.
  strangers = lib.filter (name: !(lib.elem name cfg.dns.names) && rules.isPublicName name)
    (lib.attrNames (lib.filterAttrs (_: host: host.enableACME) config.services.nginx.virtualHosts));
in {
  config = {
    seed.meta = described.meta;
    assertions = map (mistake: { assertion = false; message = "instance ${cfg.name}: ${mistake}"; }) described.mistakes;
    warnings = map (warning: "instance ${cfg.name}: ${warning}") (described.warnings
      ++ lib.optional cfg.shoot.enable "seed.shoot.enable: this platform has no shoots yet; seed-shoot is missing in the machine"
      ++ map (name: "services.nginx.virtualHosts.\"${name}\".enableACME: no certificate is given for a name that is not the instance's: add \"${name}\" to seed.dns.names")
        strangers);
  };
}
