# seed.services.mtlsProxy: a port of localhost that leads to a service which wants this instance's certificate.
#
# For programs that cannot use a key in the TPM themselves (Go, Java):
#   program -> 127.0.0.1:PORT, plain -> socat -> openssl s_client -> TLS with /seed/tls -> service
{ config, lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
  text = import ../lib/text.nix;
  cfg = config.seed.services.mtlsProxy;
  # One connection: openssl speaks TLS (after the protocol's own upgrade) and checks the other side's name.
  connect = name: proxy: pkgs.writeShellScript "mtls-proxy-${name}" (import ./mtls-connect.nix {
    openssl = "${pkgs.openssl}/bin/openssl";
    inherit (proxy) host port startTls;
    serverName = if proxy.serverName != null then proxy.serverName else proxy.host;
    inherit (proxy) certificates;
  });
in {
  options.seed.services.mtlsProxy = mkOption {
    default = { };
    example = lib.literalExpression ''{ db = { listen = 5432; host = "postgres"; port = 5432; startTls = "postgres"; }; }'';
    description = "Services reached with this instance's certificate through a port of localhost.";
    type = types.attrsOf (types.submodule {
      options = {
        listen = mkOption { type = types.port; description = "The port on 127.0.0.1."; };
        host = mkOption { type = types.str; example = "postgres"; description = "An instance of this flake, or a full DNS name."; };
        port = mkOption { type = types.port; description = "Its port."; };
        startTls = mkOption {
          type = types.nullOr (types.enum [ "postgres" "mysql" "smtp" "imap" "pop3" "ldap" ]);
          default = null;
          description = "The protocol's own way to begin TLS. Null: TLS from the first byte.";
        };
        serverName = mkOption { type = types.nullOr types.str; default = null; description = "The name its certificate must have. Null: `host`."; };
        certificates = mkOption { type = types.str; default = "/seed/tls"; description = "Where cert.pem, key.pem and ca.pem are."; };
        connections = mkOption { type = types.ints.between 1 10000; default = 100; description = "How many at once."; };
      };
    });
  };

  config = lib.mkIf (cfg != { }) {
    assertions = lib.concatLists (lib.mapAttrsToList (name: proxy: [
      { assertion = text.isInstanceName name; message = "seed.services.mtlsProxy: the name \"${name}\" cannot be: use 1 to 40 of a-z, 0-9 and inner '-'"; }
      { assertion = text.isDomainName proxy.host; message = "seed.services.mtlsProxy.${name}.host \"${proxy.host}\" is no name: use an instance's or a full DNS name"; }
      { assertion = proxy.serverName == null || text.isDomainName proxy.serverName; message = "seed.services.mtlsProxy.${name}.serverName \"${toString proxy.serverName}\" is no name"; }
    ]) cfg);
    users.users.seed-mtls = { isSystemUser = true; group = "seed-mtls"; extraGroups = [ "tss" ]; };
    users.groups.seed-mtls = { };
    users.groups.tss = { };
    systemd.services = lib.mapAttrs' (name: proxy: lib.nameValuePair "mtls-proxy-${name}" {
      description = "localhost:${toString proxy.listen} to ${proxy.host}:${toString proxy.port} with this instance's certificate";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      environment.OPENSSL_CONF = import ./tpm-openssl.nix { inherit pkgs; };
      serviceConfig = {
        ExecStart = import ./mtls-listen.nix { socat = "${pkgs.socat}/bin/socat"; inherit (proxy) listen connections; connect = connect name proxy; };
        User = "seed-mtls";
        Restart = "always";
        RestartSec = 1;
        NoNewPrivileges = true;
        ProtectSystem = "strict";
        ProtectHome = true;
        PrivateTmp = true;
      };
    }) cfg;
  };
}
