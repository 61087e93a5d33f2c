# seed.services.zitadel: the identity provider Zitadel, with its data in a shared PostgreSQL that knows this instance's certificate.
#
# Zitadel (Go) cannot use a key in the TPM, so it speaks to localhost and mtlsProxy does the rest.  Two steps at its start:
# `init zitadel` makes its schemas as an ordinary role (no administrator of the database is needed), `start-from-setup` migrates and runs.
{ config, lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
  text = import ../lib/text.nix;
  cfg = config.seed.services.zitadel;
  steps = import ./zitadel-start.nix { zitadel = "${pkgs.zitadel}/bin/zitadel"; key = "/var/lib/zitadel/master-key"; config = settings; };
  settings = (pkgs.formats.yaml { }).generate "zitadel.yaml" (steps.settings { inherit (cfg) hostname port database; });
in {
  options.seed.services.zitadel = {
    enable = lib.mkEnableOption "Zitadel behind a proxy of yours";
    hostname = mkOption { type = types.str; example = "id.example.org"; description = "The name people know it by."; };
    port = mkOption { type = types.port; default = 8080; description = "Where it listens on localhost, for the proxy."; };
    database = {
      host = mkOption { type = types.str; example = "postgres"; description = "The instance with `seed.services.postgresql`, or a full DNS name."; };
      port = mkOption { type = types.port; default = 5432; description = "Its port."; };
      name = mkOption { type = types.str; default = "zitadel"; description = "The database."; };
      role = mkOption { type = types.str; default = "zitadel_rw"; description = "The role this instance has there."; };
      localPort = mkOption { type = types.port; default = 15432; description = "The proxy's port on localhost."; };
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      { assertion = text.isDomainName cfg.hostname && lib.hasInfix "." cfg.hostname; message = "seed.services.zitadel.hostname \"${cfg.hostname}\" is no full name: write it like \"id.example.org\""; }
    ];
    seed.storage.zitadel = lib.mkDefault { size = "100Mi"; mountPoint = "/var/lib/zitadel"; user = "zitadel"; group = "zitadel"; mode = "0700"; };
    seed.services.mtlsProxy.zitadel-db = {
      listen = cfg.database.localPort;
      inherit (cfg.database) host port;
      startTls = "postgres";
    };
    users.users.zitadel = { isSystemUser = true; group = "zitadel"; };
    users.groups.zitadel = { };
    systemd.services.zitadel = {
      description = "Zitadel, the identity provider";
      wantedBy = [ "multi-user.target" ];
      requires = [ "mtls-proxy-zitadel-db.service" ];
      after = [ "mtls-proxy-zitadel-db.service" "network.target" ];
      serviceConfig = {
        User = "zitadel";
        Group = "zitadel";
        ExecStartPre = [ (pkgs.writeShellScript "zitadel-master-key" steps.makeKey) steps.init ];
        ExecStart = steps.start;
        Restart = "on-failure";
        RestartSec = 5;
        TimeoutStartSec = 600;
        NoNewPrivileges = true;
        ProtectSystem = "strict";
        ReadWritePaths = [ "/var/lib/zitadel" ];
        ProtectHome = true;
        PrivateTmp = true;
      };
    };
  };
}
