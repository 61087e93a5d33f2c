#!/usr/bin/env python3
"""seed-plugin-check finds what it is for: a plugin that breaks one rule fails exactly that check, and one that breaks none passes all."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

BUILD = os.environ["SEED_BUILD"]
CHECK = f"{BUILD}/bin/seed-plugin-check"
FOLDER = f"{BUILD}/plugins/bad"

# Rules by the name the plugin is linked to (bad.cpp), and the check that must notice.
RULES = {
    "descriptor": "static.descriptor", "slots": "static.slots", "schema": "static.schema",
    "bad-config": "life.bad-config", "leaves-nothing": "life.leaves-nothing", "two": "life.two", "restart": "life.restart",
    "valid": "contract.valid", "unknown-members": "contract.unknown-members", "missing-members": "contract.missing-members",
    "wrong-types": "contract.wrong-types", "no-json": "contract.no-json", "sentences": "contract.sentences",
    "undo": "contract.undo", "twice": "contract.twice", "unknown": "contract.unknown", "gone": "contract.gone",
    "conflict": "contract.conflict", "ignored": "contract.ignored", "invalid": "contract.invalid",
    "past-deadline": "time.past-deadline", "cancelled": "time.cancelled",
    **{f"backend-{fault}": f"time.backend-{fault}" for fault in
       ("refuses", "hangs", "resets", "drips", "answers-429", "answers-500", "talks-garbage", "never-stops")},
    "quiet": "manners.quiet", "process": "manners.process", "threads": "manners.threads", "children": "manners.children",
    "descriptors": "manners.descriptors", "borrowed": "manners.borrowed", "files": "manners.files", "kept": "secrets.kept",
    "concurrent": "stress.concurrent", "streams": "stress.streams", "requests": "fuzz.requests", "bytes": "fuzz.bytes",
    "host": "host.process", "host-requests": "host.requests",
}
SANITIZED = os.environ.get("SEED_SANITIZED", "")
if SANITIZED == "address":   # what only the leak checker of a sanitized host sees
    RULES["leaks"] = "host.requests"
if SANITIZED == "thread":    # it counts the memory of everything it watches
    del RULES["leaves-nothing"]


def run(plugin, config, *options):
    """Verdicts by check, and the texts of failures."""
    result = subprocess.run([CHECK, plugin, "--json", "--seed", "7", "--config", config, *options], capture_output=True, text=True)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    failed = {line["id"]: line.get("text", "") for line in lines if line["verdict"] == "fail"}
    assert result.returncode == (1 if failed else 0), (result.returncode, result.stderr)
    return {line["id"]: line["verdict"] for line in lines}, failed


def main():
    with tempfile.TemporaryDirectory(prefix="seed-kit-") as work:
        os.chmod(work, 0o755)
        config = f"{work}/config.json"
        with open(config, "w") as file:
            json.dump({"config": {}, "backend": {"url": "@URL@"}}, file)

        def link(rule):
            path = f"{work}/bad-{rule}.so"
            shutil.copy(f"{FOLDER}/obeys.so", path)
            return path

        verdicts, failed = run(link("nothing"), config, "--jobs", "2")
        assert not failed, failed
        known = set(verdicts)

        def breaks(rule, expected):
            verdicts, failed = run(link(rule), config)
            if set(failed) != {expected} or not failed[expected]:
                return False, f"bad-{rule}: {expected} should fail, say why, and nothing else should, but: {failed}"
            return True, f"{expected}: {failed[expected][:150]}"

        wrong = 0
        with ThreadPoolExecutor(2) as pool:
            for good, line in pool.map(lambda entry: breaks(*entry), RULES.items()):
                print(line if good else f"WRONG {line}")
                wrong += not good
        assert wrong == 0, f"{wrong} checks do not notice, or others complain"

        # What cannot even be loaded: only the static checks can be asked.
        def broken_file(path, expected):
            _, failed = run(path, config, "--only", "^static\\.(file|symbols|loads|runpath)$")
            assert expected in failed, (path, failed)
            print(f"{expected}: {failed[expected][:150]}")

        broken_file(f"{FOLDER}/bad-exports.so", "static.symbols")
        broken_file(f"{FOLDER}/bad-undefined.so", "static.loads")
        broken_file(f"{FOLDER}/bad-runpath.so", "static.runpath")
        everybodys = link("file")
        os.chmod(everybodys, 0o777)
        broken_file(everybodys, "static.file")

        # The manifest: made, agreed with, and noticed when it tells something else.
        plugin = link("manifest")
        subprocess.run([CHECK, "--manifest", plugin], check=True)
        verdicts, _ = run(plugin, config, "--only", "static.manifest")
        assert verdicts == {"static.manifest": "pass"}, verdicts
        manifest = json.load(open(f"{work}/bad-manifest.json"))
        manifest["providers"][0]["version"] = "9.9.9"
        json.dump(manifest, open(f"{work}/bad-manifest.json", "w"))
        _, failed = run(plugin, config, "--only", "^(static|life)\\.")
        assert set(failed) == {"static.manifest"}, failed

        # Scripted mocks break what a DNS provider cannot.
        with open(config, "w") as file:
            json.dump({"config": {"ignore_ms": {"wait": 4000}}}, file)
        _, failed = run(f"{BUILD}/plugins/mock-runtime.so", config, "--only", "^time\\.")
        assert set(failed) == {"time.endless"}, failed
        with open(config, "w") as file:
            json.dump({"config": {"fail": {"check": [{"code": 4, "times": 0}]}}}, file)
        _, failed = run(f"{BUILD}/plugins/mock-dns.so", config, "--only", "^life\\.")
        assert "life.opens" in failed, failed

        # Output and use.
        tap = subprocess.run([CHECK, link("tap"), "--seed", "5", "--only", "static"], capture_output=True, text=True).stdout
        assert tap.startswith("TAP version 13\n1..8\n# seed 5\n") and "\nok 2 - static.symbols" in tap, tap
        inline = subprocess.run([CHECK, link("inline"), "--inline", "--only", "^contract"], capture_output=True, text=True)
        assert inline.returncode == 0 and "not ok" not in inline.stdout, inline.stdout
        for arguments in (["--only", "("], ["/nonexistent.so"], [], ["--frobnicate"]):
            assert subprocess.run([CHECK, *arguments], capture_output=True).returncode == 2, arguments
        tested = set(RULES.values()) | {"static.symbols", "static.loads", "static.runpath", "static.file", "static.manifest", "time.endless", "life.opens"}
        # A warning never fails, and nothing in a DNS provider costs money: the registrar's mock shows that one.
        assert known - tested == {"life.reload", "contract.limit"}, known - tested
        print(f"{len(tested)} checks notice what they are for")


main()
