#!/usr/bin/env python3
"""services.seed has an option for every key of the configuration, and none for a key that there is not; docs/configuration.md names all.

What keys there are is asked of the program itself: an unknown key in each section is answered by those that are known there.
"""
import json
import re

from nix_side import SOURCE, evaluate
from seedd_reads import seedd_reads

# Options that are named for people: the key each stands for.
NAMED = {"domain": "platform.domain", "silo": "platform.silo", "stateDirectory": "platform.state", "flake": "platform.flake",
         "plugins": "plugin_directories"}
# Options that are no key: they bring what others need, or show what was made.
OTHER = {"enable", "package", "credentials", "credentialPath", "openFirewall", "socketActivation", "extraSettings", "configFile", "settings", "persistentPaths"}
UNKNOWN = "zzzzzzzzzzzz"
# A section whose members have names of the operator's choosing: one of them, and the mark that options have for it.
CHOSEN = {"quotas.repositories": "shop"}
# Values that are mappings with keys of the operator's choosing.
VALUES = {"builder.substituters", "builder.addresses"}


def known_in(section):
    """The keys of a section ("" is the whole file); none when it is a value."""
    document = {}
    inner = document
    for part in section.split(".") if section else []:
        inner = inner.setdefault(part, {})
    inner[UNKNOWN] = 1
    accepted, said = seedd_reads(json.dumps(document))
    assert not accepted, said
    where = f"{section}.{UNKNOWN}" if section else UNKNOWN
    found = re.search(rf": {re.escape(where)}: is not a known key; known here: (.*)", said)
    return found.group(1).split(", ") if found else []


def keys(section=""):
    """Every key that is a value, as a path."""
    if section in CHOSEN:
        return {key.replace(f"{section}.{CHOSEN[section]}.", f"{section}.<name>.") for key in keys(f"{section}.{CHOSEN[section]}")} | {section}
    inside = known_in(section) if section not in VALUES else []
    if not inside:
        return {section}
    return set().union(*(keys(f"{section}.{one}" if section else one) for one in inside))


there = keys()
there = {re.sub(r"^providers\.(\w+)\..*", r"providers.\1", key) for key in there}      # plugin, isolation and config are the same for each
assert {"platform.domain", "limits.build_memory", "providers.dns", "quotas.repositories.<name>.memory"} <= there, sorted(there)

paths = evaluate("let lib = import ./tests/nix/plain_lib.nix; in lib.optionPaths [ ] "
                 "(import ./nixos/host/options.nix { inherit lib; pkgs = { }; config = { }; }).options.services.seed")
options = set()
for path in paths:
    name = ".".join(path)
    if name.startswith("providers."):
        options.add(".".join(path[:2]))
    elif path[0] not in OTHER:
        options.add(NAMED.get(name, name))
assert not there - options, f"nixos/host/options.nix has no option for {sorted(there - options)}"
assert not options - there, f"nixos/host/options.nix has options for what seedd does not know: {sorted(options - there)}"

with open(f"{SOURCE}/docs/configuration.md") as page:
    text = page.read()
documented = set(re.findall(r"^\| `([a-zA-Z0-9_.]+)`", text, re.MULTILINE))
for key in sorted(there):
    if key.startswith(("providers.", "quotas.")):
        continue                                                     # a table row and a sentence for all of them
    assert key in documented, f"docs/configuration.md has no row for {key}"
example = text.split("```yaml\n")[1].split("```")[0]
accepted, said = seedd_reads(example)
assert accepted, f"the example of docs/configuration.md: {said}"
for section in sorted({key.rsplit(".", 1)[0] for key in there if "." in key and not key.startswith(("providers.", "quotas."))}):
    body = re.search(rf"^{re.escape(section)}:\n((?:  .*\n)+)", example, re.MULTILINE)
    for key in known_in(section):
        assert body and re.search(rf"^  {key}:", body.group(1), re.MULTILINE), f"the example of docs/configuration.md has no {section}.{key}"
print(f"{len(there)} keys")
