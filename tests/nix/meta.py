#!/usr/bin/env python3
"""One schema of `meta`, nixos/lib/meta.schema.json, and two who keep to it: what nixos/lib makes fits it, and the platform reads it.

The instances are those of cases.nix that are right.  What becomes of them is kept in meta.golden.json, so that a change of what flakes
say to platforms is seen: `tests/nix/meta.py --accept` takes today's.  Then each is broken in every way the schema forbids, one member
at a time, and the platform must refuse it, too.
"""
import copy
import json
import sys

import jsonschema

from nix_side import SOURCE, described, evaluate, fits, parse_meta

GOLDEN = f"{SOURCE}/tests/nix/meta.golden.json"
# What the platform computes itself, or does not need; the schema binds only those who make it.
NOT_READ = {"name", "system", "resources", "acme", "shoot"}

with open(f"{SOURCE}/nixos/lib/meta.schema.json") as file:
    schema = json.load(file)
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)

cases = [{"name": "web", **case} for case in evaluate("import ./tests/nix/cases.nix") if "refused" not in case]
metas = [one["meta"] for one in described(cases)]
assert len(metas) > 20 and all(metas), metas
if sys.argv[1:] == ["--accept"]:
    with open(GOLDEN, "w") as file:
        json.dump(metas, file, indent=1, sort_keys=True)
        file.write("\n")
with open(GOLDEN) as file:
    golden = json.load(file)
assert golden == metas, "what flakes say to platforms has changed: platforms that run must understand it; then tests/nix/meta.py --accept"
for meta in golden:
    fits(meta)
for meta, answer in zip(golden, parse_meta([{"name": meta["name"], "meta": meta} for meta in golden])):
    assert "spec" in answer, (meta, answer)


def places(value, path=()):
    """The paths of all members and elements."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield (*path, key)
        yield from places(one, (*path, key))


def replaced(meta, path, value):
    broken = copy.deepcopy(meta)
    at = broken
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return broken


WRONG = ["", "x y", "../x", "X" * 300, -1, 0, 65536, 1.5, True, [], [None], {}, {"a b": {}}, "\n", "a\nb", "a\n"]
broken = []
for meta in golden:
    for path in places(meta):
        if path[0] in NOT_READ:
            continue
        broken += [(path, value, replaced(meta, path, value)) for value in WRONG]
# What is only absent has a default: the platform takes flakes that are written by hand, too.
forbidden = [one for one in broken if any(error.validator != "required" for error in validator.iter_errors(one[2]))]
assert len(forbidden) > 1000, len(forbidden)
answers = parse_meta([{"name": "web", "meta": one} for _, _, one in forbidden])
for (path, value, meta), answer in zip(forbidden, answers):
    # The platform also takes short forms, where the schema has the full one.
    short = len(path) == 2 and path[0] in ("expose", "storage", "connect") and not isinstance(value, (dict, list, bool)) or path[-1] == "mode"
    assert "refused" in answer or short, f"{'.'.join(map(str, path))} = {value!r}: the schema forbids it, the platform makes {answer} of it"
print(f"{len(golden)} instances, {len(forbidden)} ways to break one")
