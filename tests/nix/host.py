#!/usr/bin/env python3
"""The host module: its plugin options are those of the built plugins, and what it generates is a configuration that seedd accepts.

`tests/nix/host.py --accept` writes the schemas of the built plugins to nixos/host/plugins.json.
The part with real modules needs SEED_NIXPKGS (see instances.py); without it the generated file is made by Nix from plain values.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

from nix_side import BUILD, NIXOS, SOURCE, evaluate, nixpkgs, refusal
from seedd_reads import seedd_reads

GOLDEN = f"{SOURCE}/nixos/host/plugins.json"


def plugins():
    """{"dns-powerdns": {"contract","summary","schema"}} of the plugins in the build directory that are for operators."""
    found = {}
    for file in sorted(glob.glob(f"{BUILD}/plugins/*.so")):
        name = os.path.basename(file)[:-3]
        if not os.path.isdir(f"{SOURCE}/plugins/{name}"):
            continue                                                          # a mock, or one of a test
        with open(f"{file[:-3]}.json") as manifest:                           # what the plugin says of itself, written when it was linked
            one = json.load(manifest)["providers"][0]
        found[one["id"]] = {"contract": one["contract"], "summary": one["summary"], "schema": one["config_schema"]}
    assert found, f"there are no plugins in {BUILD}/plugins: build first"
    return found


def checked(text):
    """What `seed config check` says of the file, with the plugins as they were built: their schemas take part."""
    settings = json.loads(text) | {"plugin_directories": [f"{BUILD}/plugins"]}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(settings, file)
        file.flush()
        result = subprocess.run([f"{BUILD}/bin/seed", "config", "check", file.name], capture_output=True, text=True, timeout=100)
    return result.returncode, result.stdout + result.stderr


built = plugins()
if sys.argv[1:] == ["--accept"]:
    with open(GOLDEN, "w") as file:
        json.dump(built, file, indent=1, sort_keys=True)
        file.write("\n")
    sys.exit()
with open(GOLDEN) as file:
    golden = json.load(file)
for name, one in built.items():
    assert golden.get(name) == one, f"nixos/host/plugins.json does not know {name} as it was built: run tests/nix/host.py --accept"

# From plain values, with Debian's Nix alone.
text = evaluate("""builtins.toJSON (import ./nixos/host/settings.nix {
  domain = "seed.example.org";
  sections = {
    listen = { ssh = "[::]:22"; http = "0.0.0.0:80"; metrics = null; };
    ingress = { prefix = "2001:db8:5eed::/48"; ipv4 = null; ipv6_blocks = [ ]; };
    limits = { build_memory = "8Gi"; build_seconds = null; };
    quotas = { default = { memory = "4Gi"; disk = null; }; repositories = { shop.instances = 4; none.vcpus = null; }; };
    builder = { inputs = [ "github:NixOS" ]; substituters = { }; fixed_outputs = true; hosts = null; };
  };
  providers = {
    runtime = { plugin = "runtime-qemu"; settings = { accelerator = "kvm"; guest = null; }; };
    dns = { plugin = "dns-powerdns"; isolation = "process"; settings = { managed = true; listen = "127.0.0.1:5300"; dns_port = null; }; };
    git = [ { plugin = "git-silo"; } ];
    storage = [ { plugin = "storage-localpath"; settings.path = "/srv/a \\"quoted\\" path: with # all"; }
                { plugin = "storage-localpath"; isolation = "inline"; settings.path = "/srv/old"; } ];
    registrar = null;
  };
  pluginDirectories = [ "/usr/lib/seed/plugins" ];
  extra.platform.state = "/srv/seed";
})""")
good, made = seedd_reads(text)
assert good, made
made = json.loads(made)
assert made["domain"] == "seed.example.org" and made["silo"] == "silo.seed.example.org" and made["prefix"] == "2001:db8:5eed::/48", made
assert made["providers"]["dns"] == [{"plugin": "dns-powerdns", "config": {"managed": True, "listen": "127.0.0.1:5300"}}], made
assert made["providers"]["storage"][0]["config"]["path"] == '/srv/a "quoted" path: with # all', made
assert made["providers"]["storage"][1]["config"] == {"path": "/srv/old"} and len(made["providers"]["storage"]) == 2, made
assert made["build_memory"] == 8 << 30 and made["plugin_directories"] == ["/usr/lib/seed/plugins"], made
good, said = seedd_reads(text.replace('"admission"', '"admision"'))
assert not good and "did you mean admission?" in said, said       # the reader does read
status, said = checked(text)
assert status == 0 and "is right" in said, said
status, said = checked(text.replace('"managed"', '"manged"'))
assert status == 1 and "providers.dns" in said and "manged" in said, said

# Credentials: each for the provider that names it, and for nobody else.
def credentials(names, providers):
    return evaluate("let c = import ./nixos/host/credentials.nix input; in { inherit (c) script mistakes; paths = map c.path input.names; }", {"names": names, "providers": providers})


where = "/run/seed-credentials/"
handed = credentials(["key", "token", "spare"], {"dns": {"settings": {"api_key_file": where + "key"}}, "git": [{"settings": {}}, {"settings": {"deep": [{"file": where + "token"}]}}], "acme": None})
assert handed["paths"][0] == where + "key" and not handed["mistakes"], handed
assert "run as different users" in credentials(["a"], {"dns": {"settings": {"f": where + "a"}}, "storage": {"settings": {"f": where + "a"}}})["mistakes"][0]
assert "cannot be" in credentials(['x"; id'], {})["mistakes"][0]
# As whom each kind runs, as seedd has it.
KINDS = ["acme", "dns", "git", "registrar", "runtime", "storage"]
users = json.loads(seedd_reads(json.dumps({"platform": {"domain": "x.example.org"}, "providers": {kind: {"plugin": "any"} for kind in KINDS}}))[1])["users"]
assert sorted(users) == KINDS and users == evaluate("let c = import ./nixos/host/credentials.nix { names = [ ]; providers = { }; }; in "
                                                   "builtins.listToAttrs (map (name: { inherit name; value = c.user name; }) input)", KINDS), \
    f"providers run as other users than nixos/host/credentials.nix has: {users}"
for kind, uid in users.items():
    assert f"-o {uid} -g {uid} " in credentials(["a"], {kind: {"settings": {"f": where + "a"}}})["script"], kind
# Two kinds, or two of a kind, that run as the same user may share one.
shared = credentials(["a"], {"runtime": {"settings": {"f": where + "a"}}, "registrar": {"settings": {"f": where + "a"}}})
assert not shared["mistakes"] and f"-o {users['runtime']} " in shared["script"], shared
several = credentials(["a"], {"storage": [{"settings": {}}, {"settings": {"f": where + "a"}}]})
assert not several["mistakes"] and f"-o {users['storage']} " in several["script"], several
if os.geteuid() == 0:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)
        os.mkdir(f"{folder}/from", 0o500)
        os.mkdir(f"{folder}/to", 0o711)
        for name in ("key", "token", "spare"):
            with open(f"{folder}/from/{name}", "w") as file:
                file.write(f"the {name}\n")
        subprocess.run(["sh", "-c", handed["script"]], check=True, env={"PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": f"{folder}/from", "RUNTIME_DIRECTORY": f"{folder}/to"})
        for name, owner in (("key", users["dns"]), ("token", users["git"]), ("spare", 0)):
            for uid in (users["dns"], users["git"], users["runtime"]):
                read = subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "cat", f"{folder}/to/{name}"], capture_output=True, text=True)
                assert (read.stdout == f"the {name}\n") == (uid == owner), (name, uid, read)
else:
    print("without root nobody was given a credential")

tree = nixpkgs("lib", "nixos/modules")
if not tree:
    print("without nixpkgs (SEED_NIXPKGS) the module itself was only parsed")
    for file in sorted(glob.glob(f"{SOURCE}/nixos/**/*.nix", recursive=True)):
        subprocess.run(["nix-instantiate", "--parse", file], check=True, capture_output=True, timeout=60)
    sys.exit()

SYSTEM = f"""
    tree = {tree};
    {NIXOS}
    package = derivation {{ name = "seed"; system = "x86_64-linux"; builder = "/bin/sh"; }};
    host = module: (nixos.nixosSystem {{ system = "x86_64-linux"; modules = [ ./nixos/module.nix module {{ services.seed.package = package; boot.isContainer = true; system.stateVersion = "25.05"; }} ]; }}).config;
    plain = {{ services.seed = {{ enable = true; domain = "seed.example.org"; }}; }};
    third = package // {{ passthru.seedPlugins.dns-mine.schema = {{ type = "object"; additionalProperties = false; properties.url.type = "string"; properties.token = {{ type = "string"; x-seed-secret = true; }}; }}; }};
"""

# The template of a node, as it is, and all options at once.
made = evaluate(f"""let {SYSTEM}
    node = host ./templates/node/node.nix;
    much = host {{ services.seed = {{
      enable = true; domain = "seed.example.org"; plugins = [ third ]; openFirewall = true; credentials.pdns = "/run/secrets/pdns";
      providers.dns = {{ plugin = "dns-mine"; settings = {{ url = "https://dns.example.org"; token = "oops"; }}; }};
      providers.runtime.settings.accelerator = "kvm"; providers.runtime.plugin = "runtime-qemu";
      limits.build_memory = "8Gi"; ingress.prefix = "2001:db8:5eed::/48"; extraSettings.admission = "open";
    }}; }};
    show = c: {{ text = builtins.toJSON c.services.seed.settings; unit = c.systemd.units."seedd.service".text; machines = c.systemd.units."seed-machines.service".text; tcp = c.networking.firewall.allowedTCPPorts;
      udp = c.networking.firewall.allowedUDPPorts; inherit (c) warnings; failed = builtins.filter (a: !a.assertion && nixos.lib.hasInfix "seed" a.message) c.assertions; keep = c.services.seed.persistentPaths; }};
    disks = host {{ services.seed = {{
      enable = true; domain = "seed.example.org";
      providers.storage = [ {{ settings.path = "/srv/new"; }} {{ plugin = "storage-localpath"; settings.path = "/srv/old"; }} ];
      providers.git.settings.refs = 5000; providers.runtime.settings.accelerator = "kvm";
    }}; }};
    clh = host {{ imports = [ ./nixos/profiles/cloud-hypervisor.nix ]; services.seed = {{ enable = true; domain = "seed.example.org"; providers.runtime.settings.cloud_hypervisor = "/opt/clh"; }}; }};
  in {{ clh = show clh; disks = show disks; node = show node; much = show much // {{ credential = much.services.seed.credentialPath "pdns"; }}; }}""")
for name, one in made.items():
    good, said = seedd_reads(one["text"])
    assert good, (name, said)
    status, told = checked(one["text"])
    # The package of somebody else's plugin is none that could be loaded.
    assert (status == 0 and "is right" in told) if name != "much" else (status == 1 and told.count("\n") == 1 and "dns-mine" in told), (name, told)
    one["read"] = json.loads(said)
assert made["clh"]["read"]["providers"]["runtime"] == [{"plugin": "runtime-clh", "config": {"cloud_hypervisor": "/opt/clh"}}], made["clh"]
assert made["node"]["read"]["providers"]["dns"] == [{"plugin": "dns-powerdns", "config": {"managed": True, "listen": "[::]:53"}}], made["node"]
# Several of what may be several, in their order; a plugin that is not named is the platform's own.
assert made["disks"]["read"]["providers"] == {
    "runtime": [{"plugin": "runtime-qemu", "config": {"accelerator": "kvm"}}], "dns": [{"plugin": "dns-powerdns", "config": {"managed": True}}],
    "git": [{"plugin": "git-silo", "config": {"refs": 5000}}],
    "storage": [{"plugin": "storage-localpath", "config": {"path": "/srv/new"}}, {"plugin": "storage-localpath", "config": {"path": "/srv/old"}}]}, made["disks"]
assert {22, 80, 53, 2222} <= set(made["node"]["tcp"]) and 53 in made["node"]["udp"], made["node"]
assert made["node"]["keep"] == ["/var/lib/seed"]
assert made["much"]["read"]["providers"]["runtime"][0]["config"] == {"accelerator": "kvm"}
assert any("settings.token is a secret" in warning for warning in made["much"]["warnings"]), made["much"]["warnings"]
assert made["much"]["credential"] == "/run/seed-credentials/pdns" and "RuntimeDirectory=seed-credentials" in made["much"]["unit"] and "LoadCredential=pdns:/run/secrets/pdns" in made["much"]["unit"]
assert "KillMode=process" in made["node"]["unit"]

# A wrong key, type or plugin fails at evaluation and names the option.
for broken, words in [
        ("providers.dns = { plugin = \"dns-powerdns\"; settings.manged = true; }", ["services.seed.providers.dns.settings.manged", "does not exist"]),
        ("providers.dns = { plugin = \"dns-powerdns\"; settings.managed = \"yes\"; }", ["services.seed.providers.dns.settings.managed", "boolean"]),
        ("providers.dns = { plugin = \"dns-powerdns\"; settings.dns_port = 70000; }", ["settings.dns_port", "between 0 and 65535"]),
        ("providers.dns = { plugin = \"dns-powerdns\"; settings.url = \"ftp://x\"; }", ["settings.url"]),
        ("providers.dns.plugin = \"dns-bind\"", ["there is no plugin \"dns-bind\": use one of dns-powerdns"]),
        ("providers.storage = [ { settings.path = \"/a\"; } { settings.pth = \"/b\"; } ]", ["services.seed.providers.storage.", "settings.pth", "does not exist"]),
        ("providers.storage = [ ]", ["services.seed.providers.storage", "non-empty"]),
        ("providers.dns = null", ["services.seed.providers.dns"]),
        ("providers.runtime = [ { } { } ]", ["services.seed.providers.runtime"]),
        ("listen.ssh = \"22\"", ["services.seed.listen.ssh"]),
        ("admission = \"all\"", ["services.seed.admission"])]:
    said = refusal(f"let {SYSTEM} in builtins.toJSON (host {{ services.seed = {{ enable = true; domain = \"x.example.org\"; {broken}; }}; }}).services.seed.settings")
    for word in words:
        assert word in said, (broken, word, said)

# What no type catches is an assertion: its option and the remedy.
WRONG = [
    ("domain = \"Seed.example.org\"", "services.seed.domain \"Seed.example.org\" is not a domain name: write it like"),
    ("domain = \"x.example.org\"; silo = \"a b\"", "services.seed.silo \"a b\" is not a host name: write it like"),
    ("domain = \"x.example.org\"; listen.http = \"[::]:22\"", "services.seed.listen.ssh and services.seed.listen.http both use port 22: give one another port"),
    ("domain = \"x.example.org\"; credentials.\"a b\" = \"/x\"", "services.seed.credentials: the name \"a b\" cannot be: use letters"),
    ("domain = \"x.example.org\"; }; services.openssh = { enable = true", "services.seed.listen.ssh and services.openssh.ports both use port 22: move the host's own, services.openssh.ports = [ 2222 ];"),
    ("domain = \"x.example.org\"; listen.ssh = \"[::]:2022\"; }; services.openssh = { enable = true", None),
    ("domain = \"x.example.org\"; }; services.openssh = { enable = true; listenAddresses = [ { addr = \"10.0.0.1\"; } ]", None)]
modules = " ".join("{ services.seed = { enable = true; " + text + "; }; }" for text, _ in WRONG)
said = evaluate(f"let {SYSTEM} in map (module: map (a: a.message) (builtins.filter (a: !a.assertion && nixos.lib.hasInfix \"seed\" a.message) (host module).assertions)) [ {modules} ]")
for (text, words), messages in zip(WRONG, said):
    assert (len(messages) == 1 and words in messages[0]) if words else not messages, (text, words, messages)
