# services.seed: what an operator writes.
{ config, lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
  schemas = import ./schema.nix { inherit lib; };
  credentials = import ./credentials.nix { names = lib.attrNames cfg.credentials; inherit (cfg) providers; };
  cfg = config.services.seed;
  # DEFAULT is the plugin that is meant when only settings are given; null: it has to be named.
  provider = default: types.submodule ({ config, ... }: {
    options = {
      plugin = mkOption ({
        type = types.str;
        example = "dns-powerdns";
        description = "The plugin that does it.";
      } // lib.optionalAttrs (default != null) { inherit default; });
      isolation = mkOption {
        type = types.enum [ "process" "inline" ];
        default = "process";
        description = "`process`: a process of its own. `inline`: inside seedd, for debugging.";
      };
      settings = mkOption {
        type = schemas.settingsType (schemas.of cfg.plugins config.plugin);
        default = { };
        description = "The plugin's configuration. Its options are the plugin's own, from its schema.";
      };
    };
  });
  # A provider that a platform cannot be without, one that it can, and those of which there may be several.
  required = what: plugin: default: mkOption { type = provider plugin; inherit default; description = "The provider of ${what}."; };
  optional = what: example: mkOption {
    type = types.nullOr (provider null);
    default = null;
    inherit example;
    description = "The provider of ${what}. Null: none.";
  };
  several = plugin: example: description: mkOption {
    type = types.either (types.nonEmptyListOf (provider plugin)) (provider plugin);
    default = { };
    inherit description example;
  };
  size = text: mkOption {
    type = types.nullOr (types.strMatching "[0-9]+(Ki|Mi|Gi|Ti)?");
    default = null;
    example = "4Gi";
    description = text;
  };
  count = most: text: mkOption { type = types.nullOr (types.ints.between 1 most); default = null; description = text; };
  numberFrom = least: most: text: mkOption { type = types.nullOr (types.ints.between least most); default = null; description = text; };
  # What a repository may use; what is left out is as in the default, or as the platform has it.
  quota = {
    instances = numberFrom 0 10000 "Instances.";
    vcpus = numberFrom 0 100000 "Processors of all its machines together.";
    memory = size "Memory of all its machines together.";
    disk = size "Disk of all its volumes, with those kept without an instance.";
    builds = count 64 "Nix steps of all repositories of its owner at the same time.";
    evaluation_seconds = count 3600 "Deadline of one of its evaluations.";
  };
  address = default: text: mkOption { type = types.strMatching "(\\[[0-9a-fA-F:.]+]|[0-9.]+):[0-9]+"; inherit default; description = text; };
in {
  options.services.seed = {
    enable = lib.mkEnableOption "the Seed platform on this host";
    package = mkOption { type = types.package; description = "The package with seedd, its programs, plugins and guest image."; };
    plugins = mkOption {
      type = types.listOf types.package;
      default = [ ];
      example = lib.literalExpression "[ pkgs.my-provider ]";
      description = ''
        Packages with further plugins: `lib/seed/plugins/NAME.so`, and `passthru.seedPlugins.NAME.schema`, the plugin's JSON Schema as a
        Nix value (`lib.importJSON`), so that its settings are checked at evaluation.
      '';
    };
    domain = mkOption { type = types.str; example = "seed.example.org"; description = "Instances are `INSTANCE.NAMESPACE.DOMAIN`."; };
    silo = mkOption { type = types.nullOr types.str; default = null; description = "Host name of the git server. Null: `silo.` and the domain."; };
    flake = mkOption {
      type = types.nullOr types.path;
      default = null;
      description = "Folder published as the repository `seed`. Null: the one that comes with the package.";
    };
    stateDirectory = mkOption { type = types.path; default = "/var/lib/seed"; description = "Everything that must survive: state, repositories, volumes."; };
    admission = mkOption { type = types.enum [ "invite" "open" ]; default = "invite"; description = "`open`: a first push makes a repository. `invite`: only that of a key which `seed invite add` has named."; };
    listen.ssh = address "[::]:22" "Where people push and ask.";
    listen.http = address "[::]:80" "Where the platform answers HTTP.";
    listen.metrics = mkOption {
      type = types.nullOr (types.strMatching "(\\[[0-9a-fA-F:.]+]|[0-9.]+):[0-9]+");
      default = null;
      example = "127.0.0.1:9180";
      description = "Where monitoring asks for `/metrics`, `/ready` and `/health`; never a public address. Null: nowhere.";
    };
    ingress.ipv4 = mkOption {
      type = types.nullOr (types.strMatching "[0-9.]+");
      default = null;
      example = "203.0.113.5";
      description = "This host's IPv4 address whose ports flakes may ask for with `ipv4.routes`. Null: such flakes are refused.";
    };
    ingress.ipv6_blocks = mkOption {
      type = types.listOf (types.strMatching "[0-9a-fA-F:]+/64");
      default = [ ];
      example = [ "2001:db8:1:2::/64" ];
      description = "IPv6 blocks that flakes may name as `ipv6.block`, each routed to this host (`ip -6 route add local BLOCK dev lo`).";
    };
    ingress.prefix = mkOption {
      type = types.nullOr (types.strMatching "[0-9a-fA-F:]+/48");
      default = null;
      example = "2001:db8:5eed::/48";
      description = "IPv6 prefix of the instances, routed to this host. Null: a private one, made once and kept.";
    };
    providers = {
      runtime = required "machines" "runtime-qemu" { };
      dns = required "names" "dns-powerdns" { settings.managed = true; };
      storage = several "storage-localpath" (lib.literalExpression ''[
          { plugin = "storage-localpath"; settings.path = "/srv/new-disk"; }     # makes new volumes
          { plugin = "storage-localpath"; settings.path = "/srv/old-disk"; }     # keeps those that it has
        ]'') "The provider of volumes, or a list of several: the first makes new volumes, the others keep theirs (docs/storage.md).";
      git = several "git-silo" (lib.literalExpression ''{ plugin = "git-silo"; settings.refs = 5000; }'')
        "The provider of repositories, or a list of several.";
      registrar = optional "domain registration" (lib.literalExpression ''{ plugin = "registrar-example"; settings.key_file = config.services.seed.credentialPath "registrar"; }'');
      acme = optional "certificates" (lib.literalExpression ''{ plugin = "acme-example"; }'');
    };
    limits = {
      evaluation_memory = size "Memory of one evaluation.";
      build_memory = size "Memory of one build.";
      store_bytes = size "Disk of a namespace's Nix store.";
      source_bytes = size "Unpacked tree of one revision.";
      pack_bytes = size "One push.";
      repository_bytes = size "A repository on disk.";
      evaluation_seconds = count 3600 "Deadline of an evaluation.";
      build_seconds = count 86400 "Deadline of a build.";
      instances_per_flake = count 1000 "Instances of one flake.";
      repositories_per_key = count 100000 "Repositories that one key may make.";
      pushes_per_minute = count 100000 "How often one key may push.";
      connections_per_key = count 900 "SSH connections of one key at the same time.";
      connections_per_address = count 900 "SSH connections from one address at the same time.";
      connections = count 900 "SSH connections at the same time.";
      parallel_builds = count 64 "Builds of different namespaces at the same time.";
      keep_generations = count 1000 "Generations of a repository that can be gone back to, the running one included.";
      keep_deployments = count 100000 "Rows that `deployments` can tell, per repository.";
      reserve_bytes = size "Free space of the state directory below which nothing new begins.";
      fetch_bytes = size "Download of one flake input.";
      fetch_seconds = count 3600 "Deadline of one flake input.";
      ready_seconds = count 3600 "Until a new boot must be ready; then the generation before it returns.";
    };
    builder = {
      inputs = mkOption {
        type = types.nullOr (types.either (types.enum [ "public" "none" ]) (types.listOf types.str));
        default = null;
        example = [ "github:NixOS" ];
        description = "Where flake inputs may come from: `public`, `none`, or a list of `TYPE` and `TYPE:PREFIX`. Null: the platform's default.";
      };
      hosts = mkOption { type = types.nullOr (types.listOf types.str); default = null; description = "`HOST:PORT` that listed inputs may redirect to."; };
      substituters = mkOption {
        type = types.nullOr (types.attrsOf types.str);
        default = null;
        example = { "https://cache.example.org" = "cache.example.org-1:8G5gFCbyRnBQGJbKHAsdWJK8xKzPSVRkBQzOlzTLkVQ="; };
        description = "Binary caches: https URL to public key. Null: the platform's default.";
      };
      fixed_outputs = mkOption {
        type = types.nullOr types.bool;
        default = null;
        description = "Whether builders of fixed-output derivations may download from public hosts over https.";
      };
      addresses = mkOption {
        type = types.nullOr (types.attrsOf types.str);
        default = null;
        example = { "git.example.org" = "10.0.0.7:443"; };
        description = "`HOST` or `HOST:PORT` to `ADDRESS:PORT`: where a host is, instead of asking DNS; the only way to a private address.";
      };
      ca_file = mkOption { type = types.nullOr types.path; default = null; description = "CA certificates (PEM) that such servers must be signed by."; };
    };
    quotas = {
      default = quota;
      repositories = mkOption {
        type = types.attrsOf (types.submodule { options = quota; });
        default = { };
        example = { shop = { instances = 4; memory = "4Gi"; }; };
        description = "What single repositories may use.";
      };
    };
    credentials = mkOption {
      type = types.attrsOf types.path;
      default = { };
      example = lib.literalExpression ''{ pdns = "/run/secrets/pdns-api-key"; }'';
      description = "Secret files, handed over by systemd: `services.seed.credentialPath \"pdns\"` is where a plugin's `..._file` setting finds one. They may belong to root.";
    };
    credentialPath = mkOption {
      type = types.functionTo types.str;
      readOnly = true;
      default = name: if cfg.credentials ? ${name} then credentials.path name
        else throw "services.seed.credentials has no \"${name}\": add credentials.${name} = \"/path/to/the/file\";";
      description = "Where the provider that needs it finds a credential: `api_key_file = config.services.seed.credentialPath \"pdns\";`. Only that provider can read it.";
    };
    socketActivation = mkOption {
      type = types.bool;
      default = false;
      description = "Whether systemd holds the SSH and HTTP ports, so that who connects while seedd restarts waits instead of being refused.";
    };
    openFirewall = mkOption { type = types.bool; default = false; description = "Open the platform's SSH, HTTP and DNS ports."; };
    extraSettings = mkOption {
      type = types.attrsOf types.anything;
      default = { };
      description = "Keys of docs/configuration.md that have no option here; they win over the options.";
    };
    configFile = mkOption { type = types.path; readOnly = true; description = "The generated configuration file."; };
    settings = mkOption { type = types.attrsOf types.anything; readOnly = true; description = "The same as a value."; };
    persistentPaths = mkOption {
      type = types.listOf types.str;
      readOnly = true;
      default = [ cfg.stateDirectory ];
      description = "What a host with an ephemeral root must keep, for `environment.persistence`.";
    };
  };

  config = lib.mkIf cfg.enable {
    services.seed.settings = import ./settings.nix {
      inherit (cfg) domain silo flake admission providers;
      state = cfg.stateDirectory;
      sections = { inherit (cfg) listen ingress limits quotas; builder = cfg.builder // { ca_file = if cfg.builder.ca_file == null then null else toString cfg.builder.ca_file; }; };
      pluginDirectories = [ "${cfg.package}/lib/seed/plugins" ] ++ map (package: "${package}/lib/seed/plugins") cfg.plugins;
      extra = cfg.extraSettings;
    };
    services.seed.configFile = pkgs.writeText "seed.yaml" (builtins.toJSON cfg.settings);
  };
}
