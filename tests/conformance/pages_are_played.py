#!/usr/bin/env python3
"""The examples on the pages of the contracts work: each is asked of the mock of its kind, in the order of the page, what takes away at the end.

That they fit the schemas is shown by unit_plugin_api.  Examples with "…" are shortened for readers and left out.
"""
import json
import os
import subprocess
import sys
import tempfile

BUILD, SOURCE = os.environ["SEED_BUILD"], os.environ["SEED_SOURCE"]
TAKES_AWAY = ("remove", "stop", "destroy", "forget", "revoke")
LASTS = ("wait",)         # until the boot ends; here it is given up
NOT_OF_MOCKS = ("stats",)
KEY = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
BOOT = {"handle": "s-abc/web/b1", "instance": "s-abc/web", "image": KEY, "init": "/nix/store/none/init", "desired": "d1", "vcpus": 1, "memory_mib": 64}
BEFORE = {"runtime": [["prepare", {"key": KEY, "image": "/var/lib/seed/images/9f86.erofs"}], ["start", BOOT]]}   # its example is shortened
CONFIGS = {"git": {"repositories": {"my-app": {"f": "1"}}}}   # something to resolve


def examples(kind):
    slot, found = "", []
    with open(f"{SOURCE}/docs/contracts/{kind}.md") as page:
        for line in page:
            if line.startswith("### "):
                slot = line[4:].strip()
            if line.startswith("-> ") and "…" not in line and slot not in NOT_OF_MOCKS:
                found.append((slot, json.loads(line[3:])))
    return sorted(found, key=lambda one: one[0] in TAKES_AWAY)


def play(kind, work):
    asked = examples(kind)
    # A mask as the recorded answer: any answer that fits the contract will do.
    with open(f"{work}/{kind}.ndjson", "w") as file:
        for number, (slot, request) in enumerate(asked):
            file.write(json.dumps({"event": "call", "kind": kind, "operation": slot, "request_id": f"page-{number}", "code": "cancelled" if slot in LASTS else "ok", "request": request,
                                   "reply": {"any": "***"}, "item_bodies": ["***"], "given": 0}) + "\n")
    with open(f"{work}/{kind}.json", "w") as file:
        json.dump({"config": CONFIGS.get(kind, {}), "replay": {"prepare": BEFORE.get(kind, [])}}, file)
    result = subprocess.run([f"{BUILD}/bin/seed-plugin-check", f"{BUILD}/plugins/mock-{kind}.so", "--json", "--config", f"{work}/{kind}.json", "--replay", f"{work}/{kind}.ndjson"],
                            capture_output=True, text=True, timeout=120)
    verdict = json.loads(result.stdout)
    print(f"{kind}: {len(asked)} examples: {verdict['verdict']}: {verdict['text']}")
    return verdict["verdict"] == "pass" and int(verdict["text"].split()[0]) >= len(asked) - 2   # conversations need descriptors


with tempfile.TemporaryDirectory(prefix="seed-pages-") as work:
    os.chmod(work, 0o755)
    results = [play(kind, work) for kind in ("dns", "git", "storage", "runtime", "registrar", "acme")]
sys.exit(0 if all(results) else 1)
