#!/usr/bin/env python3
"""The templates and the instance module through real NixOS modules: what they mean inside the machine, and what is refused how.

Needs a nixpkgs tree in SEED_NIXPKGS (lib and nixos/modules; where its packages are missing, a file nixos-system.nix in it that gives
{ lib; nixosSystem; }).  Nothing is built.  `tests/nix/instances.py --accept` writes docs/nix-options.md and docs/nix-host-options.md.
"""
import os
import re
import sys
import tempfile

from nix_side import NIXOS, SOURCE, evaluate, fits, nixpkgs, parse_meta, refusal, skip

tree = nixpkgs("lib", "nixos/modules")
if not tree:
    skip("no nixpkgs: set SEED_NIXPKGS to a tree with lib and nixos/modules")

SYSTEM = f"""
    tree = {tree};
    {NIXOS}
    mkSeed = import ./nixos/lib/mk-seed.nix {{ inherit (nixos) lib nixosSystem; modules = [ sops ]; }};
    # The options that sops-nix would bring, for templates that set them.
    sops = {{ lib, ... }}: {{ options.sops = lib.mkOption {{ type = lib.types.submodule {{ freeformType = lib.types.attrsOf lib.types.anything; }}; default = {{ }}; }}; }};
    seed.lib = import ./nixos/lib // {{ mkSeed = arguments: mkSeed (arguments // {{ checkKeys = false; }}); }};
    instances = name: ((import (./templates + "/${{name}}/flake.nix")).outputs {{ inherit seed; }}).seeds;
    one = module: mkSeed {{ name = "web"; inherit module; }};
"""


def nix(expression):
    return evaluate(f"let {SYSTEM} in {expression}")


def says(expression, *words):
    said = refusal(f"let {SYSTEM} in {expression}")
    for word in words:
        assert word in said, f"'{word}' is not in:\n{said}"


# Every template evaluates as a whole, and the platform understands what it says.
metas = nix("nixos.lib.genAttrs [ \"instance\" \"instance-caddy\" \"instance-api\" \"multi\" ] (name: builtins.mapAttrs (_: seed: seed.meta) (instances name))")
for template, instances in metas.items():
    for name, answer in zip(instances, parse_meta([{"name": name, "meta": meta} for name, meta in instances.items()])):
        assert "spec" in answer and fits(instances[name]), (template, name, answer)
assert metas["instance"]["web"]["expose"] == {"http": {"port": 80, "protocol": "http"}}
assert metas["instance-caddy"]["web"]["dns"]["names"] == ["example.com", "www.example.com"]
assert metas["instance-api"]["api"]["expose"] == {"myapp": {"port": 3000, "protocol": "tcp"}} and not metas["instance-api"]["api"]["acme"]
assert metas["multi"]["web"]["connect"] == {"api": {"service": "api", "port": 3000}}

# What the options mean inside the machine.
inside = nix("""let
    web = one {
      seed = {
        size = "m";
        expose = { https.enable = true; dns.enable = true; game = { port = 27015; protocol = "udp"; }; off.enable = false; };
        storage.db = { size = "1Gi"; mountPoint = "/var/lib/postgresql"; user = "postgres"; group = "postgres"; mode = "0700"; };
        connect = { my-db = { service = "db"; port = 5432; }; cache = "redis"; };
      };
      services.nginx = { enable = true; virtualHosts."shop.example.org" = { enableACME = true; forceSSL = true; }; };
      services.caddy.enable = true;
      users.users.pdns = { isSystemUser = true; group = "pdns"; }; users.groups.pdns = { };
      systemd.services.mine = { script = "true"; serviceConfig.User = "pdns"; };
    };
    c = web.config;
  in {
    inherit (web) meta;
    inherit (c.networking) hostName useDHCP useHostResolvConf;
    firewall = { inherit (c.networking.firewall) enable allowedTCPPorts allowedUDPPorts; };
    nftables = c.networking.nftables.enable;
    container = c.boot.isContainer; nix = c.nix.enable; sudo = c.security.sudo.enable; mutable = c.users.mutableUsers;
    etc = builtins.mapAttrs (_: file: file.text) (nixos.lib.filterAttrs (name: _: nixos.lib.hasPrefix "seed/" name) c.environment.etc);
    variables = nixos.lib.filterAttrs (name: _: nixos.lib.hasPrefix "SEED_" name) c.environment.sessionVariables;
    tmpfiles = c.systemd.tmpfiles.rules;
    caddy = c.services.caddy.acmeCA; caddyFile = c.systemd.services.caddy.serviceConfig.EnvironmentFile;
    lego = { inherit (c.security.acme.defaults) server environmentFile; };
    warnings = c.warnings;
    sops = c.sops.age.keyFile;
    attributes = builtins.attrNames web;
    kernel = c.boot.kernel.enable; activation = builtins.attrNames c.system.activationScripts;
  }""")
assert inside["meta"]["resources"] == {"vcpus": 2, "memory": 2048} and inside["meta"]["acme"] is True
assert inside["hostName"] == "web" and not inside["useDHCP"] and not inside["useHostResolvConf"]
assert inside["firewall"]["enable"] and inside["nftables"]
assert {53, 443} <= set(inside["firewall"]["allowedTCPPorts"]) and set(inside["firewall"]["allowedUDPPorts"]) >= {53, 27015}, inside["firewall"]
assert 27015 not in inside["firewall"]["allowedTCPPorts"]
assert inside["container"] and not inside["nix"] and not inside["sudo"] and not inside["mutable"] and not inside["kernel"]
assert inside["etc"] == {"seed/connect/my-db": "db:5432", "seed/connect/cache": "redis"}, inside["etc"]
assert inside["variables"] == {"SEED_MY_DB_HOST": "db", "SEED_CACHE_HOST": "redis"}
assert "d /var/lib/postgresql 0700 postgres postgres -" in inside["tmpfiles"]
assert "d /run/mine 0755 pdns pdns -" in inside["tmpfiles"], [rule for rule in inside["tmpfiles"] if "/run" in rule]
# Caddy refuses acme_ca without a word behind it, so there is one where the platform gives none; never one of the world's.
assert re.fullmatch(r"\{\$SEED_ACME_URL:https://localhost:9/[a-z-]+\}", inside["caddy"]), inside["caddy"]
assert inside["caddyFile"] == "/run/seed/env"
assert inside["lego"] == {"server": None, "environmentFile": "/run/seed/lego.env"}
assert any("shop.example.org" in warning and "seed.dns.names" in warning for warning in inside["warnings"]), inside["warnings"]
assert inside["sops"] == "/seed/tpm/age-identity"
assert set(inside["attributes"]) == {"meta", "toplevel", "config", "options", "module", "image"}
assert {"seedModules", "seedAcme"} <= set(inside["activation"])

# What mkSeed takes besides: further modules, arguments for them, an identity, whose namespace modules can read.
with tempfile.TemporaryDirectory() as folder:
    with open(f"{folder}/.seed-identity", "w") as file:
        file.write("k51qzi5uqu5dj8iaffzutj5cyocg960ypltvn0zpmaikuuek2ekubxqck2nsgg\n")
    given = nix(f"""let made = mkSeed {{
        name = "given"; system = "x86_64-linux"; identity = {folder}/.seed-identity; specialArgs.chosen = "m";
        module = {{ chosen, ... }}: {{ seed.size = chosen; }};
        extraModules = [ ({{ config, ... }}: {{ environment.etc.namespace.text = config.seed.namespace; networking.hostName = "other"; }}) ];
      }}; in {{ inherit (made) meta; namespace = made.config.environment.etc.namespace.text; host = made.config.networking.hostName; rule = seed.lib.namespaceOf (seed.lib.cidIn (builtins.readFile {folder}/.seed-identity)); }}""")
assert given["meta"]["size"] == "m" and given["meta"]["system"] == "x86_64-linux" and given["host"] == "other", given
assert given["namespace"] == given["rule"] and re.fullmatch("s-[a-z2-7]{26}", given["namespace"]), given

# The service modules, as whole systems.
services = nix("""let
    db = (mkSeed { name = "postgres"; module = { seed.services.postgresql = { enable = true; databases.zitadel.clients.id.role = "zitadel_rw"; }; }; });
    id = (mkSeed { name = "id"; module = { seed.services.zitadel = { enable = true; hostname = "id.example.org"; database.host = "postgres"; }; }; });
  in {
    db = { inherit (db) meta; inherit (db.config.services.postgresql) authentication settings; init = db.config.systemd.units."seed-pg-init.service".text;
      prepare = db.config.systemd.units."seed-pg-prepare.service".text; };
    id = { inherit (id) meta; zitadel = id.config.systemd.units."zitadel.service".text; proxy = id.config.systemd.units."mtls-proxy-zitadel-db.service".text;
      user = id.config.users.users.zitadel.isSystemUser; };
  }""")
assert services["db"]["meta"]["expose"] == {"postgresql": {"port": 5432, "protocol": "tcp"}}
assert services["db"]["meta"]["storage"]["postgresql"]["mountPoint"] == "/var/lib/postgresql" and services["db"]["meta"]["storage"]["postgresql"]["user"] == "postgres"
assert 'hostssl "zitadel" "zitadel_rw" all cert clientname=DN map=seed' in services["db"]["authentication"] and "md5" not in services["db"]["authentication"]
assert services["db"]["settings"]["ssl"] is True and services["db"]["settings"]["ident_file"] == "/run/seed-postgresql/pg_ident.conf"
assert "After=postgresql.service" in services["db"]["init"] and "Before=postgresql.service" in services["db"]["prepare"], services["db"]
assert "User=zitadel" in services["id"]["zitadel"] and "start-from-setup" in services["id"]["zitadel"] and "init zitadel" in services["id"]["zitadel"]
assert "TCP4-LISTEN:15432,bind=127.0.0.1" in services["id"]["proxy"] and services["id"]["user"] is True
assert services["id"]["meta"]["storage"]["zitadel"]["mode"] == "0700"
says("(one { seed.services.postgresql = { enable = true; databases.\"a-b\" = { }; }; }).meta", "the database \"a-b\" cannot be")

# Mistakes show when `meta` is asked for, and name the option.
says("(one { seed.size = \"huge\"; }).meta", "seed.size", "is not of type `one of")
says("(one { seed.sizze = \"s\"; }).meta", "seed.sizze", "does not exist")
says("(one { seed.expose.http = \"80\"; }).meta", "seed.expose.http")
says("(one { seed.expose.myapp.enable = true; }).meta", "seed.expose.myapp: no port is known for the name", "add port = NUMBER")
says("(one { services.nginx.enable = \"yes\"; }).meta", "services.nginx.enable", "boolean")
says("(mkSeed { name = \"web\"; module = ./templates/instance/web.nix; }).meta", ".authorized_keys still holds the template's placeholder")

# The options as data.
options = nix("""let described = options: import ./nixos/lib/options.nix { inherit (nixos) lib; inherit options; }; in {
    instance = described { inherit ((one { }).options) seed; };
    host = described { services = { inherit ((nixos.nixosSystem { system = "x86_64-linux"; modules = [ ./nixos/module.nix ]; }).options.services) seed; }; };
  }""")
for name in ("size", "expose", "storage", "connect", "dns.names", "rollout", "autostart", "acme", "shoot.enable", "namespace", "meta"):
    assert options["instance"][f"seed.{name}"]["description"], name
assert options["instance"]["seed.storage.<name>.mountPoint"]["example"] and options["instance"]["seed.size"]["default"] == '"xs"', options["instance"]["seed.size"]
# Those of a plugin that is the default of its kind are told too.
for name in ("domain", "providers.storage", "providers.dns.plugin", "providers.dns.settings.managed", "credentials", "quotas.repositories.<name>.memory"):
    assert options["host"][f"services.seed.{name}"]["description"], name


def page(title, room, found):
    lines = [f"# {title}", "", f"Generated by `tests/nix/instances.py --accept` from `{room}`; as data: `nix eval .#lib.options --json`.", "",
             "| option | type | default | what it is |", "|---|---|---|---|"]
    for name, one in sorted(found.items()):
        if ".settings." in name:
            continue                                     # a plugin's own, on its page
        default = " ".join(one["default"].split()) if "default" in one else ""
        cells = [f"`{name}`", one["type"], f"`{default}`" if default else "", " ".join(one["description"].split())]
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


for name, text in (("nix-options", page("Options of an instance", "nixos/instance", options["instance"])),
                   ("nix-host-options", page("Options of a host", "nixos/host", options["host"]))):
    file = f"{SOURCE}/docs/{name}.md"
    if sys.argv[1:] == ["--accept"]:
        with open(file, "w") as out:
            out.write(text)
    with open(file) as written:
        assert written.read() == text, f"docs/{name}.md is not what the options say: run tests/nix/instances.py --accept"
