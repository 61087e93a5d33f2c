#!/usr/bin/env python3
"""The host module's units mean what packaging/systemd means, and systemd reads them without a remark.

The module's values are looked at without nixpkgs (plain_lib.nix); with SEED_NIXPKGS the text that NixOS makes of them is held against the
same, too.  What may differ is written below; everything else must be there in both.
"""
import os
import re
import shutil
import subprocess
import tempfile

from nix_side import NIXOS, SOURCE, evaluate, nixpkgs

NAMES = ["seedd.service", "seed-front.service", "seed-machines.service", "seedd-ssh.socket", "seedd-http.socket"]
# NixOS gives every service these.
OF_NIXOS = {"LOCALE_ARCHIVE", "PATH", "TZDIR"}
VALUES = '{ enable = true; domain = "seed.example.org"; listen = { ssh = "[::]:22"; http = "0.0.0.0:8080"; }; socketActivation = true; }'


def parsed(text):
    """{("Service", "KillMode"): ["process"]}: words of lists sorted, yes and true the same."""
    found, section = {}, None
    for line in text.splitlines():
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            section = line[1:-1]
            continue
        key, value = line.split("=", 1)
        found.setdefault((section, key), []).append({"true": "yes", "false": "no"}.get(value, value))
    for key in found:                                       # the lines in their order, which counts; a leading ~ is for the whole line
        if key[1] in ("After", "CapabilityBoundingSet", "RestrictAddressFamilies", "SystemCallFilter"):
            found[key] = [(value[:1] == "~", sorted(value.lstrip("~").split())) for value in found[key]]
    return found


def meaning(name, text):
    """The unit without what may differ, and the control group that it stands for or names."""
    unit = parsed(text)
    group = None
    slice_ = unit.pop(("Service", "Slice"), ["system.slice"])[0]
    if name == "seed-machines.service":
        group = f"/{slice_}/{name}"
    variables = dict(value.strip('"').split("=", 1) for value in unit.pop(("Service", "Environment"), []))
    if name == "seedd.service":
        group = variables.pop("SEED_CONTROL_GROUP")
    assert not set(variables) - OF_NIXOS, variables
    for key in [key for key in unit if key[1].startswith("X-") or key in (("Unit", "Description"), ("Socket", "ListenStream"))]:
        unit.pop(key)                                   # of NixOS alone; a text; the operator's choice
    if ("Service", "ExecStart") in unit:                # the same program with the same words, wherever it lies
        program, *words = unit["Service", "ExecStart"][0].split()
        unit["Service", "ExecStart"] = [os.path.basename(program), *(os.path.basename(word) if "/" in word else word for word in words)]
        if unit["Service", "ExecStart"][:2] == ["seedd", "--config"]:
            unit["Service", "ExecStart"][2] = unit["Service", "ExecStart"][2].split("-")[-1]
    return unit, group


def rendered(service):
    """The text of a unit from the values that NixOS would make it of."""
    def lines(values):
        for key, value in values.items():
            for one in value if isinstance(value, list) else [value]:
                yield f"{key}={str(one).lower() if isinstance(one, bool) else one}"
    unit = {"Description": service["description"], "Documentation": " ".join(service["documentation"])}
    for key, name in (("After", "after"), ("Wants", "wants"), ("Requires", "requires")):
        if service.get(name):
            unit[key] = " ".join(service[name])
    for key, name in (("StartLimitIntervalSec", "startLimitIntervalSec"), ("StartLimitBurst", "startLimitBurst")):
        if name in service:
            unit[key] = service[name]
    text = ["[Unit]", *lines(unit)]
    if "serviceConfig" in service:
        text += ["[Service]", *lines(service["serviceConfig"]), *lines({"Environment": [f"{k}={v}" for k, v in service.get("environment", {}).items()]})]
    if "socketConfig" in service:
        text += ["[Socket]", *lines(service["socketConfig"])]
    if service.get("wantedBy"):
        text += ["[Install]", "WantedBy=" + " ".join(service["wantedBy"])]
    return "\n".join(text) + "\n"


def verified(units, origin):
    """systemd has nothing to say of them; {unit: exposure} as it rates them."""
    if not shutil.which("systemd-analyze"):
        print("without systemd-analyze the units were not verified")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in units.items():
            # Programs of a store that is not here; what is started is not systemd's business now.
            text = re.sub(r"^ExecStart=\S+/(seedd|seed-front|sleep)\b", "ExecStart=/bin/sleep", text, flags=re.MULTILINE)
            with open(f"{folder}/{name}", "w") as file:
                file.write(text)
        result = subprocess.run(["systemd-analyze", "verify", "--man=no", *(f"{folder}/{name}" for name in units)], capture_output=True, text=True, timeout=100)
        remarks = [line for line in result.stderr.splitlines() if any(name.split(".")[0] in line for name in units)]
        assert not remarks, (origin, remarks)
        exposures = {}
        for name in units:
            if name.endswith(".service"):
                rated = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", f"{folder}/{name}"], capture_output=True, text=True, timeout=100)
                exposures[name] = re.search(r"exposure level for \S+ (\d+\.\d+)", rated.stdout).group(1)
        return exposures


def same(units, origin):
    for name, text in units.items():
        ours, group = meaning(name, text)
        theirs, their_group = meaning(name, packaged[name])
        assert ours == theirs, (origin, name, {str(key): (ours.get(key), theirs.get(key)) for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)})
        groups.setdefault(origin, set()).add(group)
        groups.setdefault("packaging", set()).add(their_group)
    assert verified(units, origin) == exposures, origin


packaged = {}
for name in NAMES:
    with open(f"{SOURCE}/packaging/systemd/{name}") as file:
        packaged[name] = file.read()
exposures = verified(packaged, "packaging")
groups = {}

made = evaluate(f"""
    let lib = import ./tests/nix/plain_lib.nix;
        cfg = {VALUES} // {{ package = "/nix/store/seed"; configFile = "/nix/store/x-seed.yaml"; stateDirectory = "/var/lib/seed"; credentials = {{ }}; providers = {{ }}; openFirewall = false; }};
        module = (import ./nixos/host/units.nix {{ inherit lib; pkgs.coreutils = "/nix/store/coreutils"; config.services.seed = cfg; }}).config;
    in {{ services = builtins.mapAttrs (_: s: builtins.removeAttrs s [ "restartTriggers" ]) module.systemd.services; inherit (module.systemd) sockets; }}""")
same({f"{name}.service": rendered(one) for name, one in made["services"].items()} |
     {f"{name}.socket": rendered(one) for name, one in made["sockets"].items()}, "the module's values")
assert made["sockets"]["seedd-http"]["socketConfig"]["ListenStream"] == "0.0.0.0:8080", made["sockets"]
assert made["services"]["seed-machines"]["restartIfChanged"] is False        # nixos-rebuild switch ends no machine

tree = nixpkgs("lib", "nixos/modules")
if tree:
    texts = evaluate(f"""let tree = {tree}; {NIXOS}
        package = derivation {{ name = "seed"; system = "x86_64-linux"; builder = "/bin/sh"; }};
        units = (nixos.nixosSystem {{ system = "x86_64-linux"; modules = [ ./nixos/module.nix
          {{ services.seed = {VALUES} // {{ inherit package; }}; boot.isContainer = true; system.stateVersion = "25.05"; }} ]; }}).config.systemd.units;
      in builtins.listToAttrs (map (name: {{ inherit name; value = units.${{name}}.text; }}) input)""", NAMES + ["seed.slice"])
    texts.pop("seed.slice")
    same(texts, "NixOS")
    assert "X-RestartIfChanged=false" in texts["seed-machines.service"]
else:
    print("without nixpkgs (SEED_NIXPKGS) the module's values were looked at, not the text that NixOS makes of them")
# What names the machines' control group, and what it is, agree.
for origin, named in groups.items():
    assert len(named - {None}) == 1, (origin, named)
print(", ".join(sorted(groups)), exposures)
