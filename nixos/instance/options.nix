# The options.  Types catch what is plainly wrong; the rules between values are in ../lib and become assertions in meta.nix.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  rules = import ../lib;
  exposed = types.submodule {
    options = {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether this port is exposed. A well-known name needs nothing else.";
      };
      port = mkOption {
        type = types.nullOr types.port;
        default = null;
        example = 8443;
        description = "The port the machine listens on. Null: the one that the entry's well-known name stands for.";
      };
      protocol = mkOption {
        type = types.nullOr (types.enum rules.expose.protocols);
        default = null;
        example = "udp";
        description = "`dns` is TCP and UDP; `http` and `grpc` bring certificates (`seed.acme`). Null: what the well-known name stands for, otherwise `tcp`.";
      };
    };
  };
  volume = types.submodule {
    options = {
      size = mkOption {
        type = types.str;
        example = "10Gi";
        description = "At least `8Mi`. A larger size in a later push makes the volume grow; it never shrinks.";
      };
      mountPoint = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "/var/lib/acme";
        description = "Where it is mounted. Null: `/seed/storage/NAME`.";
      };
      user = mkOption {
        type = types.str;
        default = "root";
        description = "Owner of the mount point.";
      };
      group = mkOption {
        type = types.str;
        default = "root";
        description = "Group of the mount point.";
      };
      mode = mkOption {
        type = types.str;
        default = "0755";
        description = "Mode of the mount point, in octal.";
      };
    };
  };
  connection = types.submodule {
    options = {
      service = mkOption {
        type = types.str;
        example = "db";
        description = "An instance of the same flake, or a full DNS name.";
      };
      port = mkOption {
        type = types.nullOr types.port;
        default = null;
        description = "A port that it exposes.";
      };
    };
  };
in {
  options.seed = {
    size = mkOption {
      type = types.enum [ "xs" "s" "m" "l" "xl" ];
      default = "xs";
      example = "m";
      description = "Size of the machine: xs 1 vCPU/512 MiB, s 1/1024, m 2/2048, l 4/4096, xl 8/8192.";
    };
    expose = mkOption {
      type = types.attrsOf (types.nullOr (types.coercedTo types.port (port: { inherit port; }) exposed));
      default = { };
      example = lib.literalExpression ''
        {
          https.enable = true;                           # a well-known name: port 443
          http = 8080;                                   # only the port
          game = { port = 27015; protocol = "udp"; };    # any other name
        }'';
      description = "Ports that the world reaches. They are opened in the machine's firewall, and the instance gets an address and a name in DNS.";
    };
    storage = mkOption {
      type = types.attrsOf (types.nullOr (types.coercedTo types.str (size: { inherit size; }) volume));
      default = { };
      example = lib.literalExpression ''
        {
          data = "1Gi";                                                      # /seed/storage/data
          db = { size = "10Gi"; mountPoint = "/var/lib/postgresql"; user = "postgres"; group = "postgres"; };
        }'';
      description = "Volumes. They outlive restarts, deployments and the instance itself.";
    };
    connect = mkOption {
      type = types.attrsOf (types.nullOr (types.coercedTo types.str (service: { inherit service; }) connection));
      default = { };
      example = lib.literalExpression ''{ redis = "my-redis"; db = { service = "postgres"; port = 5432; }; }'';
      description = "Other instances this one wants to know: `SEED_NAME_HOST` in `/run/seed/env` and the file `/etc/seed/connect/NAME`. It finds; it does not permit or refuse.";
    };
    dns.names = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "example.com" "www.example.com" ];
      description = "Names of your own for this instance, below a domain in `combine.domains` of the flake.";
    };
    rollout = mkOption {
      type = types.enum [ "recreate" "rolling" ];
      default = "recreate";
      description = "`recreate` stops the old machine before it starts the new one; `rolling` starts the new one first and is for instances without volumes.";
    };
    autostart = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the instance runs once it is deployed. Otherwise it waits for `restart`.";
    };
    acme = mkOption {
      type = types.nullOr types.bool;
      default = null;
      description = "Whether `security.acme` and Caddy get their certificates from the platform. Null: when a port is `http` or `grpc`.";
    };
    shoot.enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the instance may start ephemeral copies of itself with `seed-shoot`.";
    };
    name = mkOption {
      type = types.str;
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      internal = true;
      description = "The instance's name, as given to `mkSeed`.";
    };
    namespace = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "s-g2jhod26slbbafps62au3yv23g";
      description = "The flake's namespace, when its `.seed-identity` lies beside the module or is given to `mkSeed`; else null. In the machine it is always `SEED_NAMESPACE`.";
    };
    meta = mkOption {
      type = types.unspecified;
      readOnly = true;
      description = "What the platform reads: the options in full form, and what follows from them.";
    };
  };
}
