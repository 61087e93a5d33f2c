#!/usr/bin/env python3
"""A recording is played against a plugin: what answers as recorded passes, each kind of difference is found and named by its line.

Recordings of real platforms are played by cases.plugin_commands.
"""
import json
import os
import subprocess
import tempfile

BUILD = os.environ["SEED_BUILD"]
ZONE = "seed.example."
WEB = {"name": f"web.{ZONE}", "type": "A", "ttl": 60, "values": ["192.0.2.1", "192.0.2.2"], "owner": "me"}


def call(operation, request, code="ok", **more):
    return {"seq": 1, "time_ms": 1, "event": "call", "kind": "dns", "plugin": "dns-powerdns", "operation": operation, "call": "c", "request_id": f"r-{operation}-{json.dumps(request)}",
            "code": code, "duration_us": 1, "request_bytes": 1, "reply_bytes": 1, "items": 0, "descriptors": 0, "given": 0, "request": request, **more}


RIGHT = [
    {"event": "tracing", "time_ms": 1, "plugins": []},
    call("zones", {}, reply={"zones": [ZONE]}),
    call("apply", {"zone": ZONE, "owner": "me", "sets": [{name: value for name, value in WEB.items() if name != "owner"}]}, reply={}),
    {"event": "begin", "time_ms": 1, "seq": 3, "kind": "dns", "plugin": "dns-powerdns", "operation": "list", "call": "c"},
    call("list", {"zone": ZONE}, item_bodies=[{**WEB, "values": ["192.0.2.2", "192.0.2.1"]}]),
    call("list", {"zone": "nowhere."}, "not_found", text="zone nowhere. is not served here", item_bodies=[]),
    call("settled", {"zone": ZONE}, "unavailable", text="the server was away"),
    call("settled", {"zone": ZONE}, reply={"settled": True, "asked_ms": 4711}),
    call("settled", {"zone": ZONE}, reply={"settled": True}, given=1),
    call("settled", {"zone": "***"}, reply={"settled": True}),
    call("remove", {"zone": ZONE, "owner": "me", "sets": [{"name": f"web.{ZONE}", "type": "A"}]}, reply={}),
    call("list", {"zone": ZONE}, item_bodies=[]),
    {**call("check", {}, reply={}), "kind": "git"},
]
HOW = {"prepare": [["ensure_zone", {"zone": ZONE, "name_servers": ["ns1.seed.example."]}]]}


def play(entries, how=HOW, plugin="mock-dns"):
    with tempfile.TemporaryDirectory(prefix="seed-replay-") as work:
        os.chmod(work, 0o755)
        with open(f"{work}/calls.ndjson", "w") as file:
            file.writelines((entry if isinstance(entry, str) else json.dumps(entry)) + "\n" for entry in entries)
        with open(f"{work}/config.json", "w") as file:
            json.dump({"config": {}, "replay": how}, file)
        result = subprocess.run([f"{BUILD}/bin/seed-plugin-check", f"{BUILD}/plugins/{plugin}.so", "--json", "--replay", f"{work}/calls.ndjson", "--config", f"{work}/config.json"],
                                capture_output=True, text=True)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return result.returncode, lines[0] if lines else {}, result.stderr


def differs(line, change, *words, how=HOW):
    entries = [json.loads(json.dumps(entry)) for entry in RIGHT]
    change(entries[line - 1])
    status, verdict, _ = play(entries, how)
    assert status == 1 and verdict["verdict"] == "fail" and "1 of " in verdict["text"], verdict
    for word in (f"line {line}, ", *words):
        assert word in verdict["text"], (word, verdict)


status, verdict, errors = play(RIGHT)
assert status == 0 and verdict["verdict"] == "pass" and verdict["id"] == "replay.calls", (verdict, errors)
assert "8 calls played; 1 of other providers; 1 with descriptors left out; 1 left out because of secrets" in verdict["text"], verdict
status, verdict, _ = play(RIGHT, {**HOW, "secrets": {"zone": ZONE}})
assert status == 0 and "9 calls played" in verdict["text"] and "secrets" not in verdict["text"], verdict

differs(2, lambda entry: entry["reply"].update(zones=["other."]), "'zones'", "replies", "other.")
differs(5, lambda entry: entry["item_bodies"][0].update(ttl=61), "'list'", "61")
differs(5, lambda entry: entry["item_bodies"].append(WEB), "'list'")
differs(6, lambda entry: entry.update(code="denied"), "recorded is denied")
differs(3, lambda entry: entry.update(code="conflict"), "answers ok, recorded is conflict")
# What the author says is ignored.
entries = [json.loads(json.dumps(entry)) for entry in RIGHT]
entries[4]["item_bodies"][0]["ttl"] = 61
assert play(entries, {**HOW, "ignore": ["ttl"]})[0] == 0
# Without what was there before, the first call that needs it differs.
status, verdict, _ = play(RIGHT, {})
assert status == 1 and "line 2, 'zones'" in verdict["text"], verdict
# No recording at all.
for wrong in (["{"], ['{"event":"call"}'], ["7"], [], [RIGHT[0]]):
    status, _, errors = play(wrong)
    assert status == 2 and ("line 1" in errors or "holds no call" in errors), (wrong, status, errors)
assert play(RIGHT, plugin="mock-git")[1]["verdict"] == "fail"
