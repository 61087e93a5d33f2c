# seed.services.postgresql: a PostgreSQL that other instances use with their own certificates, without a password.
{ config, lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
  rules = import ./rules.nix;
  cfg = config.seed.services.postgresql;
  runtime = "/run/seed-postgresql";
  template = pkgs.writeText "pg_ident.conf.template" (rules.ident cfg.databases);
  init = pkgs.writeText "seed-pg-init.sql" (rules.sql cfg.databases);
  identities = pkgs.writeShellScript "seed-pg-identities" rules.identities;
  # Waits for the certificate of the first boot; then everything PostgreSQL reads is its own, in a place it may read.
  prepare = pkgs.writeShellScript "seed-pg-prepare" ''
    set -eu
    for n in $(seq 120); do [ -s ${cfg.certificates}/cert.pem ] && break; sleep 1; done
    if ! [ -s ${cfg.certificates}/cert.pem ]; then
      echo "${cfg.certificates}/cert.pem is not there after two minutes: has the platform a certificate authority?" >&2
      exit 1
    fi
    install -o postgres -g postgres -m 0644 ${cfg.certificates}/cert.pem ${cfg.certificates}/ca.pem ${runtime}/
    install -o postgres -g postgres -m 0600 ${cfg.certificates}/key.pem ${runtime}/key.pem
    ${identities} ${template} ${runtime}/cert.pem ${runtime}/pg_ident.conf
    chown postgres:postgres ${runtime}/pg_ident.conf
  '';
in {
  options.seed.services.postgresql = {
    enable = lib.mkEnableOption "a PostgreSQL for other instances, with their certificates as identity";
    databases = mkOption {
      default = { };
      description = "Databases by name. They and their roles are made when they are missing, and never removed.";
      example = lib.literalExpression ''
        {
          myapp.clients.api = { role = "myapp_rw"; };                                           # an instance of this flake
          myapp.clients.report = { role = "myapp_ro"; namespace = "s-g2jhod26slbbafps62au3yv23g"; };  # of another one
        }'';
      type = types.attrsOf (types.submodule {
        options.clients = mkOption {
          default = { };
          description = "Instances that use it, by their name.";
          type = types.attrsOf (types.submodule {
            options = {
              role = mkOption { type = types.str; example = "myapp_rw"; description = "The role it connects as."; };
              namespace = mkOption { type = types.nullOr types.str; default = null; description = "Its namespace. Null: this one."; };
              access = mkOption {
                type = types.nullOr (types.enum [ "rw" "ro" ]);
                default = null;
                description = "`rw` acts as the owner of the database, `ro` only reads. Null: `ro` when the role's name ends in `_ro`, otherwise `rw`.";
              };
            };
          });
        };
      });
    };
    certificates = mkOption {
      type = types.str;
      default = "/seed/tls";
      description = "Where the instance's cert.pem, key.pem and ca.pem are.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = map (message: { assertion = false; inherit message; }) (rules.mistakes cfg.databases);
    seed.expose.postgresql.enable = lib.mkDefault true;
    seed.storage.postgresql = lib.mkDefault { size = "1Gi"; mountPoint = "/var/lib/postgresql"; user = "postgres"; group = "postgres"; mode = "0750"; };

    services.postgresql = {
      enable = true;
      enableTCPIP = true;
      authentication = lib.mkForce (rules.hba cfg.databases);
      settings = {
        ssl = true;
        ssl_cert_file = "${runtime}/cert.pem";
        ssl_key_file = "${runtime}/key.pem";
        ssl_ca_file = "${runtime}/ca.pem";
        ssl_min_protocol_version = "TLSv1.2";
        ident_file = lib.mkForce "${runtime}/pg_ident.conf";
        password_encryption = "scram-sha-256";
      };
    };

    systemd.services.seed-pg-prepare = {
      description = "certificate and identities for PostgreSQL";
      requiredBy = [ "postgresql.service" ];
      before = [ "postgresql.service" ];
      path = [ pkgs.openssl pkgs.gnused pkgs.coreutils ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = prepare;
        RuntimeDirectory = "seed-postgresql";
        RuntimeDirectoryPreserve = true;
      };
    };
    systemd.services.postgresql.environment.OPENSSL_CONF = import ../tpm-openssl.nix { inherit pkgs; };
    users.users.postgres.extraGroups = [ "tss" ];
    users.groups.tss = { };

    systemd.services.seed-pg-init = {
      description = "databases and roles of PostgreSQL";
      wantedBy = [ "multi-user.target" ];
      requires = [ "postgresql.service" ];
      after = [ "postgresql.service" ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        User = "postgres";
        Group = "postgres";
        ExecStart = "${config.services.postgresql.package}/bin/psql --no-psqlrc --quiet --dbname=postgres --file=${init}";
      };
    };
  };
}
