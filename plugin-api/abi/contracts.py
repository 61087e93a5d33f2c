#!/usr/bin/env python3
"""The contracts' schemas are what they were when they were last accepted, or more: no member removed, none newly required, no type
changed, no enumerator or slot gone.

    contracts.py            compares plugin-api/schema/KIND-0.json with plugin-api/schema/accepted/KIND-0.json
    contracts.py --accept   takes today's schemas as accepted (ninja contracts-accept); for revision 0 a break is allowed, said in the commit
"""
import json
import os
import shutil
import sys

SCHEMAS = os.path.normpath(os.path.dirname(os.path.abspath(__file__)) + "/../schema")


def breaks(old, new, place, request=False):
    """Yields a sentence for everything that somebody who speaks `old` would trip over."""
    if "$ref" in old or "$ref" in new:
        if old.get("$ref") != new.get("$ref"):
            yield f"{place} refers to {new.get('$ref')}, not {old.get('$ref')}"
        return
    if old.get("type") != new.get("type"):
        yield f"{place} is {new.get('type')}, was {old.get('type')}"
    for gone in [value for value in old.get("enum", []) if value not in new.get("enum", [value])]:
        yield f"{place} may no longer be {gone!r}"
    if "enum" in new and "enum" not in old:
        yield f"{place} is limited to {new['enum']}"
    for rule in ("pattern", "minimum", "maximum", "minLength", "maxLength", "format"):
        if rule in new and old.get(rule) != new[rule]:
            yield f"{place} has another {rule}: {new[rule]}, was {old.get(rule)}"
    for name in new.get("required", []):
        if name not in old.get("required", []):
            yield f"{place}.{name} is newly required"
    for name in old.get("required", []):
        if name not in new.get("required", []):
            yield f"{place}.{name} is no longer always there"
    for name, member in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{place}.{name} is gone"
        else:
            yield from breaks(member, new["properties"][name], f"{place}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(old.get(inner), dict) and isinstance(new.get(inner), dict):
            yield from breaks(old[inner], new[inner], f"{place}[]")


def contract_breaks(old, new, kind):
    for name, definition in old["definitions"].items():
        if name not in new["definitions"]:
            yield f"{kind}: definition {name} is gone"
        else:
            yield from breaks(definition, new["definitions"][name], f"{kind}: {name}")
    for name, slot in old["slots"].items():
        if name not in new["slots"]:
            yield f"{kind}: slot {name} is gone"
            continue
        for part in ("request", "reply", "item"):
            if (part in slot) != (part in new["slots"][name]):
                yield f"{kind}: slot {name} has another flow"
            elif part in slot:
                yield from breaks(slot[part], new["slots"][name][part], f"{kind}: {name} {part}")


def self_test():
    """Each kind of break is noticed, each kind of growth is not."""
    def contract(members, required=(), slots=("apply",)):
        return {"definitions": {"Set": {"type": "object", "required": list(required), "properties": members}},
                "slots": {slot: {"request": {"$ref": "#/definitions/Set"}, "reply": {"type": "object"}} for slot in slots}}

    text, number, choice = {"type": "string"}, {"type": "integer"}, {"type": "string", "enum": ["a", "b"]}
    old = contract({"name": text, "state": choice}, ["name"])
    for what, new in {
        "removed": contract({"state": choice}),
        "newly required": contract({"name": text, "state": choice}, ["name", "state"]),
        "new and required": contract({"name": text, "state": choice, "more": text}, ["name", "more"]),
        "retyped": contract({"name": number, "state": choice}, ["name"]),
        "narrowed": contract({"name": text, "state": {"type": "string", "enum": ["a"]}}, ["name"]),
        "no slot": contract({"name": text, "state": choice}, ["name"], ()),
    }.items():
        assert list(contract_breaks(old, new, "test")), f"not noticed: {what}"
    wider = {"type": "string", "enum": ["a", "b", "c"]}
    for new in (old, contract({"name": text, "state": wider, "more": number}, ["name"], ("apply", "settled"))):
        assert not list(contract_breaks(old, new, "test")), list(contract_breaks(old, new, "test"))


def main():
    self_test()
    found = []
    names = sorted(name for name in os.listdir(SCHEMAS) if name.endswith(".json"))
    assert names
    if "--accept" in sys.argv:
        os.makedirs(f"{SCHEMAS}/accepted", exist_ok=True)
        for name in names:
            shutil.copy(f"{SCHEMAS}/{name}", f"{SCHEMAS}/accepted/{name}")
        return
    accepted = sorted(os.listdir(f"{SCHEMAS}/accepted"))
    for name in accepted:
        if name not in names:
            found.append(f"{name} is gone")
            continue
        old, new = (json.load(open(f"{folder}/{name}")) for folder in (f"{SCHEMAS}/accepted", SCHEMAS))
        found += contract_breaks(old, new, name.split("-")[0])
    if found:
        sys.exit("\n".join(found) + "\nthese break who speaks the contract of before; while it is revision 0: `ninja contracts-accept`, and "
                                    "say so in the commit")
    print(f"{len(accepted)} contracts grew at most")


main()
