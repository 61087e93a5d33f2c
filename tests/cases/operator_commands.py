#!/usr/bin/env python3
"""What people and the operator can ask: events, logs by time and text, metrics, one id per push, JSON that fits its schema, exit codes."""
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.error

import prometheus_text
import schemas
from seed_person import Person
from seed_platform import BUILD, Platform, needs, wait_for

needs(root=True)
READY = "needle in the log"
SCRIPT = f"printf 'evil \\033[2J\\007 {READY}\\n' > /dev/console; echo serving > /dev/console\n"


def seed(*words, check=True, **environment):
    result = subprocess.run([f"{BUILD}/bin/seed", *words], capture_output=True, text=True, timeout=120,
                            env={"PATH": os.environ["PATH"], **environment})
    assert not check or result.returncode == 0, f"{result.args}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


def refused(result, status, *words):
    """Failed with this exit status, and one JSON object on stderr that holds these words."""
    assert result.returncode == status, (result.args, result.returncode, result.stderr)
    error = schemas.one("error", result.stderr)["error"]
    assert error["exit"] == status and result.stdout == "", result
    for word in words:
        assert word in error["text"], (word, error)
    return error["text"]


class Follower:
    """events -f --json of one person, read as it comes."""

    def __init__(self, person):
        self.events = []
        self.process = subprocess.Popen(person.ssh_command("events", "-f", "--json"), stdout=subprocess.PIPE, text=True, cwd=person.home,
                                        env=person.environment(), stdin=subprocess.DEVNULL)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.events.append(schemas.fits("events", json.loads(line)))

    def saw(self, kind, deadline=60):
        return wait_for(lambda: [one for one in self.events if one["type"] == kind], f"the follower sees {kind}", deadline)

    def close(self):
        self.process.terminate()
        self.process.wait()


def one_id_per_push(platform, alice, pushed):
    call = pushed["call"]
    assert call.startswith("push-"), pushed

    def lines(*parts):
        return [line for line in platform.log().splitlines() if line.endswith(f"call={call}") and all(part in line for part in parts)]
    for parts in ((" session: git-receive-pack app",), (" deploy: ",), (" git-silo: serve ended with code 0",), (" git-silo: fetch ended",),
                  (" runtime-qemu: start ended with code 0",), (" storage-localpath: create ended",), (" nix-box: ", call)):
        wait_for(lambda: lines(*parts), f"{parts} has {call} in the log", 20)
    own = alice.ssh("logs", "app/scripted", "--json").stdout
    assert f"seed: started by {call}" in own, own


def events_tell_the_story(platform, alice, bob, follower):
    kinds = ["pushed", "evaluating", "evaluated", "built", "booted", "ready", "published", "started", "deployed"]
    mine = schemas.each("events", alice.ssh("events", "app", "--json").stdout)
    assert [one["type"] for one in mine if one["type"] in kinds] == kinds, mine
    assert [one["seq"] for one in mine] == sorted({one["seq"] for one in mine}), mine
    assert len({one["call"] for one in mine if one["type"] in kinds}) == 1, mine
    for kind in ("pushed", "ready", "deployed"):
        follower.saw(kind)
    assert "ready" in alice.ssh("events").stdout
    # After a number nothing is told twice, and the last lines are the last ones.
    after = mine[2]["seq"]
    assert [one["seq"] for one in schemas.each("events", alice.ssh("events", "app", "--json", "--after", str(after)).stdout)] == \
        [one["seq"] for one in mine[3:]]
    assert len(schemas.each("events", alice.ssh("events", "-n", "2", "--json").stdout)) == 2
    assert alice.ssh("events", "--since", "2020-01-01").stdout and not alice.ssh("events", "--since", "2099-01-01T00:00").stdout

    # Bob sees nothing of it; what he tries is told to Alice, with his key's fingerprint.
    assert bob.ssh("events", "--json").stdout == ""
    refused(bob.ssh("events", "app", "--json", check=False), 3, "no repository app")
    bob.make_repo("theft", "minimal")
    stolen = bob.push("theft", url=bob.url("app"), check=False)
    assert stolen.returncode != 0 and "may not push" in stolen.stderr, stolen.stderr
    fingerprint = bob.ask("whoami")["fingerprint"]
    assert fingerprint in follower.saw("refused")[0]["reason"]
    assert bob.ssh("events", "--json").stdout == ""
    # A kill from outside is told with its cause.
    machine = next(pid for pid, name in platform.processes() if name.startswith("qemu-system"))
    os.kill(machine, signal.SIGKILL)
    gone = follower.saw("exited")[0]
    assert gone["instance"] == "scripted" and "signal 9" in gone["reason"], gone
    alice.wait_ready("app")


def logs_by_time_and_text(alice):
    wait_for(lambda: READY in alice.ssh("logs", "scripted").stdout, "the guest's line is in its log", 60)
    raw = alice.ssh("logs", "app/scripted", text=False).stdout
    assert not [byte for byte in raw if byte < 32 and byte not in (9, 10)] and b"evil ?[2J? " in raw, raw
    found = schemas.each("logs", alice.ssh("logs", "scripted", "--grep", "'needle in'", "--json").stdout)
    assert found and all(READY in line["text"] for line in found), found
    assert len(alice.ssh("logs", "scripted", "--grep", "e", "--lines", "2").stdout.splitlines()) == 2
    assert alice.ssh("logs", "scripted", "--since", "1d").stdout and not alice.ssh("logs", "scripted", "--since", "2099-01-01").stdout
    for wrong in ("yesterday", "10x", "2026-13-01", "25:00", "-5m", "1e400"):
        refused(alice.ssh("logs", "scripted", "--json", f"--since={wrong}", check=False), 2, "--since")
    refused(alice.ssh("logs", "nothing", "--json", check=False), 3)
    # Followed, the filter holds for what comes.
    follow = subprocess.Popen(alice.ssh_command("logs", "-f", "scripted", "--grep", "started", "--json"), stdout=subprocess.PIPE, text=True,
                              cwd=alice.home, env=alice.environment(), stdin=subprocess.DEVNULL)
    seen = []
    threading.Thread(target=lambda: seen.extend(follow.stdout), daemon=True).start()
    wait_for(lambda: seen, "the old lines that fit come first", 30)
    old = len(seen)
    alice.ssh("restart", "scripted")
    wait_for(lambda: len(seen) > old, "the line of the new boot comes", 90)
    assert all("started" in line["text"] for line in schemas.each("logs", "".join(seen))), seen
    follow.terminate()
    follow.wait()
    alice.wait_ready("app")


def shell_prints_what_its_schemas_say(platform, alice):
    commands = schemas.one("help", alice.ssh("help", "--json").stdout)["commands"]
    for command in commands:
        schemas.one("help-command", alice.ssh("help", command["name"], "--json").stdout)
    schemas.one("status", alice.ssh("status", "--json").stdout)
    schemas.one("status", alice.ssh("status", "app", "--json").stdout)
    schemas.one("volumes", alice.ssh("volumes", "--json").stdout)
    schemas.one("whoami", alice.ssh("whoami", "--json").stdout)
    schemas.one("deployments", alice.ssh("deployments", "--json").stdout)
    schemas.one("generations", alice.ssh("generations", "app", "--json").stdout)
    schemas.one("plan", alice.ssh("plan", "app", "--json").stdout)
    known = schemas.names()
    for command in commands:
        assert [one for one in known if one.split("-")[0] == command["name"]], f"{command} has no schema"
    schemas.one("restart", alice.ssh("restart", "app/scripted", "--json").stdout)
    schemas.one("diff", alice.ssh("diff", "app", "1", "1", "--json").stdout)
    assert schemas.one("stop", alice.ssh("stop", "app/scripted", "--json").stdout)["instance"]
    wait_for(lambda: alice.instance("app")["state"] == "stopped", "it is stopped", 60)
    assert schemas.one("start", alice.ssh("start", "app/scripted", "--json").stdout)["instance"]
    alice.wait_ready("app")
    refused(alice.ssh("rollback", "app", "--json", check=False), 3, "no older generation")
    refused(alice.ssh("status", "nothing", "--json", check=False), 3, "no repository nothing")
    refused(alice.ssh("stauts", "--json", check=False), 2, "did you mean 'status'?")
    # What was probably meant, of what one may see: for a stranger there is nothing near.
    refused(alice.ssh("status", "ap", "--json", check=False), 3, "did you mean app?")
    refused(alice.ssh("logs", "app/scirpted", "--json", check=False), 3, "did you mean app/scripted?")
    refused(alice.ssh("restart", "scriptde", "--json", check=False), 3, "did you mean scripted?")
    stranger = Person(platform, "stranger")
    for words in (("status", "ap"), ("logs", "app/scirpted"), ("rollback", "app/")):
        assert "mean" not in refused(stranger.ssh(*words, "--json", check=False), 3)
    refused(alice.ssh("status", "--wat", "--json", check=False), 2)
    refused(alice.ssh("metrics", "--json", check=False), 2)
    watch = subprocess.Popen(alice.ssh_command("status", "-w", "1", "--json"), stdout=subprocess.PIPE, text=True, cwd=alice.home,
                             env=alice.environment(), stdin=subprocess.DEVNULL)
    for _ in range(2):
        schemas.one("status", watch.stdout.readline())
    watch.terminate()
    watch.wait()
    alice.wait_ready("app")


def volumes_are_deleted_by_name_and_twice(platform, alice, bob):
    volume = "app/scripted/data"
    refused(alice.ssh("volumes", "delete", volume, "--json", check=False), 2, "for ever", f"--yes {volume}")
    refused(alice.ssh("volumes", "delete", volume, "--yes", "app/scripted/other", "--json", check=False), 2, "nothing was deleted")
    refused(alice.ssh("volumes", "delete", volume, "--yes", volume, "--json", check=False), 1, "attached")
    refused(bob.ssh("volumes", "delete", volume, "--yes", volume, "--json", check=False), 3, "no repository app")
    for wrong in ("app/../data", "app/scripted", "app/scripted/data/x", "/"):
        assert bob.ssh("volumes", "delete", wrong, "--yes", wrong, "--json", check=False).returncode in (2, 3)
    # A collaborator may push, not destroy.
    alice.change("app", {".authorized_keys": bob.public_key + "\n", "flake.nix": lambda text: text.replace(
        "storage = { data = { size = \"32Mi\"; mountPoint = \"/data\"; }; };", "")})
    alice.push("app")
    refused(bob.ssh("volumes", "delete", volume, "--yes", volume, "--json", check=False), 4, "only the owner")
    assert alice.ask("volumes")["volumes"][0]["attached"] is False
    gone = schemas.one("volumes-delete", wait_for(lambda: alice.ssh("volumes", "delete", volume, "--yes", volume, "--json"),
                                                  "the volume can be deleted", 60).stdout)
    assert gone["deleted"] == volume and alice.ask("volumes")["volumes"] == []
    assert schemas.each("events", bob.ssh("events", "app", "--json", "-n", "1").stdout)[0]["type"] == "volume_deleted"
    refused(alice.ssh("volumes", "delete", volume, "--yes", volume, "--json", check=False), 3)


def operator_commands(platform, alice):
    state = platform.state
    ask = lambda name, *words: schemas.one(name, seed("--state", state, *words, "--json").stdout)
    assert [one["repository"] for one in ask("status", "status")["flakes"]] == ["app"]
    ask("version", "version")
    assert ask("health", "health")["ok"]
    assert {one["kind"] for one in ask("plugin-list", "plugin", "list")["plugins"]} == {"dns", "git", "runtime", "storage"}
    assert ask("plugin-show", "plugin", "show", "git-silo")["pid"] > 0
    assert ask("gc", "gc")["repositories"] == 1
    assert "freed" in seed("gc", SEED_STATE=state).stdout
    # The operator sees the providers too.
    host = seed("--state", state, "plugin", "show", "storage", "--json")
    os.kill(json.loads(host.stdout)["pid"], signal.SIGKILL)
    wait_for(lambda: {"provider_down", "provider_up"} <= {
        one["type"] for one in schemas.each("events", seed("--state", state, "events", "--json").stdout) if one.get("subject") == "storage"},
        "the provider went and came back", 90)
    assert not [one for one in schemas.each("events", alice.ssh("events", "--json").stdout) if one["type"].startswith("provider")]
    nowhere = seed("--state", "/nonexistent", "status", "--json", check=False)
    refused(nowhere, 5, "/nonexistent/seedd.sock", "is seedd running?")
    refused(seed("plugin", "drop", "--json", SEED_STATE=state, check=False), 2)


def metrics_are_what_prometheus_reads(platform, alice):
    address = platform.ready["metrics"]
    families = prometheus_text.parse(platform.get(f"http://{address}/metrics"))
    value = lambda name, **labels: prometheus_text.value(families, name, **labels)
    assert value("seed_pushes_total", result="deployed") == 1, families["seed_pushes_total"]
    assert value("seed_boots_total") >= 1 and value("seed_exits_total", cause="killed") >= 1
    assert families["seed_stage_duration_seconds"][1][("seed_stage_duration_seconds_count", frozenset({("stage", "build")}))] == 1
    assert value("seed_provider_up", kind="runtime", plugin="runtime-qemu") == 1 and value("seed_virtual_machines", state="ready") is not None
    assert sum(families["seed_flakes"][1].values()) == 1, families["seed_flakes"]
    assert value("seed_provider_calls_total", kind="runtime", plugin="runtime-qemu", operation="start", code="ok") >= 1
    assert 1 << 20 < value("seed_process_resident_bytes", program="seedd") < 1 << 30
    assert value("seed_processes", program="seed-vm") >= 1 and value("seed_refusals_total", code="denied") >= 1
    assert "/app" not in str(families) and alice.flake("app")["namespace"] not in str(families), "tenants' names became labels"
    text = seed("--state", platform.state, "metrics").stdout
    prometheus_text.parse(text)
    if shutil.which("promtool"):
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    assert schemas.fits("health", json.loads(platform.get(f"http://{address}/ready")))["ok"]
    # The page for everybody has none of it.
    assert schemas.fits("health", json.loads(platform.get(f"{platform.http_url}/ready")))["ok"]
    try:
        platform.get(f"{platform.http_url}/metrics")
        raise AssertionError("the public front serves metrics")
    except urllib.error.HTTPError as error:
        assert error.code == 404, error


def who_says_too_little_is_told_what_to_say(alice):
    silent = alice.ssh(check=False)
    assert silent.returncode == 1 and silent.stdout == "" and len(silent.stderr.splitlines()) == 1 and "no command given" in silent.stderr, silent
    alice.make_repo("twin", "scripted")
    alice.push("twin")
    refused(alice.ssh("restart", "scripted", "--json", check=False), 1, "scripted is ambiguous", "app/scripted", "twin/scripted")
    alice.wait_ready("twin", "scripted")


def events_outlive_seedd(platform, alice):
    before = schemas.each("events", alice.ssh("events", "app", "--json", "-n", "20").stdout)
    platform.kill()
    # The oldest are dropped, as happens when there are more than are kept.
    with open(f"{platform.state}/core/events.ndjson") as file:
        lines = file.readlines()
    with open(f"{platform.state}/core/events.ndjson", "w") as file:
        file.writelines(lines[10:])
    platform.start()
    after = schemas.each("events", alice.ssh("events", "app", "--json", "--after", str(before[0]["seq"] - 1)).stdout)
    assert after[:len(before)] == before, "events were lost or renumbered by a kill of seedd"
    # Who asks for what is gone is told how much it was, and goes on.
    late = schemas.each("events", alice.ssh("events", "--json", "--after", "1").stdout)
    first = json.loads(lines[10])["seq"]
    assert late[0]["type"] == "gap" and late[0]["missed"] == first - 2 and late[0]["seq"] == first - 1 < late[1]["seq"], late[:2]


with Platform("--metrics", "127.0.0.1:0", "--verbose") as platform:
    alice, bob = Person(platform, "alice"), Person(platform, "bob")
    follower = Follower(alice)
    alice.make_repo("app", "scripted", {"script.sh": SCRIPT})
    alice.push("app")
    alice.wait_ready("app")
    pushed = schemas.each("events", seed("--state", platform.state, "events", "--json").stdout)
    one_id_per_push(platform, alice, next(one for one in pushed if one["type"] == "pushed"))
    # The follower was there before the repository: what became his since is his to see.
    events_tell_the_story(platform, alice, bob, follower)
    logs_by_time_and_text(alice)
    shell_prints_what_its_schemas_say(platform, alice)
    operator_commands(platform, alice)
    metrics_are_what_prometheus_reads(platform, alice)
    volumes_are_deleted_by_name_and_twice(platform, alice, bob)
    events_outlive_seedd(platform, alice)
    follower.close()
    who_says_too_little_is_told_what_to_say(alice)
