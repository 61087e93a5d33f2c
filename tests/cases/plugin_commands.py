#!/usr/bin/env python3
"""The operator looks into the providers: check, call, trace and its masks, restart with a file that was upgraded or broken, and numbers.

One instance runs all the while, and its machine, its page and a push under way notice nothing.
"""
import json
import os
import re
import shutil
import subprocess
import threading

import prometheus_text
import schemas
from seed_person import Person
from seed_platform import BUILD, Platform, needs, wait_for

needs(root=True, programs=["pdns_server", f"{BUILD}/bin/seed-plugin-check"])


def seed(*words, check=True):
    result = subprocess.run([f"{BUILD}/bin/seed", "--state", platform.state, *words], capture_output=True, text=True, timeout=300,
                            env={"PATH": os.environ["PATH"]})
    assert not check or result.returncode == 0, f"{result.args}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


def ask(schema, *words):
    return schemas.one(schema, seed(*words, "--json").stdout)


def refused(status, words, *texts):
    result = seed(*words, "--json", check=False)
    assert result.returncode == status and result.stdout == "", (words, result)
    error = schemas.one("error", result.stderr)["error"]
    for text in texts:
        assert text in error["text"], (text, error)
    return error


class Tracer:
    """`seed plugin trace --json`, read as it comes."""

    def __init__(self, *words):
        self.entries, self.lines = [], []
        self.process = subprocess.Popen([f"{BUILD}/bin/seed", "--state", platform.state, "plugin", "trace", "--json", *words],
                                        stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        threading.Thread(target=self.read, daemon=True).start()
        wait_for(lambda: self.entries and self.entries[0]["event"] == "tracing", "the trace begins")

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            self.entries.append(schemas.fits("plugin-trace", json.loads(line)))

    def saw(self, **members):
        return wait_for(lambda: [one for one in self.entries if all(one.get(name) == value for name, value in members.items())],
                        lambda: f"the trace shows {members}, not only {self.entries[-5:]}", 60)[0]

    def close(self):
        self.process.terminate()
        self.process.wait()


def install(plugin, change=lambda content: content, manifest=True):
    """As a package manager does: by renaming."""
    for suffix in [".so"] + [".json"] * manifest:
        with open(f"{BUILD}/plugins/{plugin}{suffix}", "rb") as file:
            content = file.read()
        with open(f"{plugins}/.new", "wb") as file:
            file.write(change(content) if suffix == ".so" else content)
        os.rename(f"{plugins}/.new", f"{plugins}/{plugin}{suffix}")


def describe(plugin):
    """Makes its manifest anew."""
    subprocess.run([f"{BUILD}/bin/seed-plugin-check", "--manifest", f"{plugins}/{plugin}.so"], check=True)


def calls():
    zones = ask("plugin-call", "plugin", "call", "dns", "zones")
    assert platform.domain + "." in zones["reply"]["zones"] and zones["duration_us"] > 0
    text = seed("plugin", "call", "dns-powerdns", "zones").stdout
    assert json.loads(text) == zones["reply"], text
    listed = schemas.each("plugin-call", seed("plugin", "call", "dns", "list", json.dumps({"zone": platform.domain + "."}), "--json").stdout)
    assert listed[-1]["items"] == len(listed) - 1 > 0 and all("item" in one for one in listed[:-1]), listed
    # What changes something is confirmed, by its name.
    change = json.dumps({"zone": platform.domain + ".", "owner": "by-hand", "sets": [
        {"name": f"byhand.{platform.domain}.", "type": "A", "ttl": 60, "values": ["192.0.2.9"]}]})
    refused(2, ["plugin", "call", "dns", "apply", change], "nothing was called", "--yes apply")
    refused(2, ["plugin", "call", "dns", "apply", change, "--yes", "remove"], "--yes apply")
    assert platform.dig(f"byhand.{platform.domain}", "A") == []
    assert ask("plugin-call", "plugin", "call", "dns", "apply", change, "--yes", "apply")["reply"] == {}
    assert platform.dig(f"byhand.{platform.domain}", "A") == ["192.0.2.9"]
    gone = json.dumps({"zone": platform.domain + ".", "owner": "by-hand", "sets": [{"name": f"byhand.{platform.domain}.", "type": "A"}]})
    assert ask("plugin-call", "plugin", "call", "dns", "remove", gone, "--yes", "remove")["reply"] == {}
    # Errors are named as the provider meant them.
    assert refused(3, ["plugin", "call", "dns", "list", '{"zone":"nowhere.invalid."}'], "not_found: ", "nowhere.invalid")["code"] == "not_found"
    assert refused(2, ["plugin", "call", "dns", "list", "{}"], "invalid: ", "zone")["code"] == "invalid"
    refused(3, ["plugin", "call", "dns", "frobnicate"], "no such operation", "zones")
    refused(3, ["plugin", "call", "nobody", "check"], "no provider in use")
    refused(1, ["plugin", "call", "git", "serve", "--yes", "serve"], "conversation")
    for wrong in (["plugin", "call", "dns", "list", "{"], ["plugin", "call", "dns", "list", "[]"], ["plugin", "call", "dns"], ["plugin", "drop"],
                  ["plugin", "show"], ["plugin", "list", "dns"], ["plugin", "show", "dns", "--yes", "x"], ["plugin", "check", "dns", "--only", "life"]):
        refused(2, wrong)
    # A stream that lasts ends when its time is over, and that is no failure.
    handle = alice.instance("app")["boot"]
    waited = seed("plugin", "call", "runtime", "wait", json.dumps({"handle": handle}), "--timeout", "1", "--json", check=False)
    assert waited.returncode in (0, 3), waited


def traces():
    everything, dns = Tracer(), Tracer("dns", "--operation", "zones", "--bodies")
    seed("plugin", "call", "dns", "zones")
    seed("plugin", "call", "storage", "list")
    seed("plugin", "call", "dns", "list", '{"zone":"nowhere.invalid."}', check=False)
    one = everything.saw(event="call", operation="zones", plugin="dns-powerdns")
    assert one["code"] == "ok" and one["duration_us"] > 0 and one["request_bytes"] == 2 < one["reply_bytes"] and "reply" not in one, one
    everything.saw(event="begin", operation="list", kind="dns")
    failed = everything.saw(event="call", operation="list", kind="dns", code="not_found")
    assert "nowhere.invalid" in failed["text"]
    everything.saw(event="call", operation="list", kind="storage", code="ok")
    with_bodies = dns.saw(event="call", operation="zones")
    assert with_bodies["request"] == {} and platform.domain + "." in with_bodies["reply"]["zones"] and with_bodies["request_id"]
    everything.close()
    dns.close()
    assert {one.get("operation") for one in dns.entries[1:]} == {"zones"}, dns.entries
    text = subprocess.Popen([f"{BUILD}/bin/seed", "--state", platform.state, "plugin", "trace", "dns"], stdout=subprocess.PIPE, text=True)
    assert "tracing dns-powerdns" in text.stdout.readline()
    seed("plugin", "call", "dns", "zones")
    wait_for(lambda: re.search(r"dns-powerdns zones  ok  [\d.]+ ms  2 B -> \d+ B", text.stdout.readline()), "the call as a line")
    text.terminate()
    text.wait()


def a_recording_is_played():
    """What was recorded here is asked of another instance, and one with another zone is told apart."""
    tracer = Tracer("dns", "--bodies")
    seed("plugin", "call", "dns", "zones")
    seed("plugin", "call", "dns", "list", '{"zone":"nowhere.invalid."}', check=False)
    tracer.saw(event="call", operation="list", code="not_found")
    tracer.close()
    with open(f"{platform.directory}/calls.ndjson", "w") as file:
        file.writelines(line for line in tracer.lines if '"zones"' in line or "nowhere.invalid" in line or '"tracing"' in line)
    for zone, status in ((platform.domain, 0), ("another.test", 1)):
        with open(f"{platform.directory}/sandbox.json", "w") as file:
            json.dump({"config": {"managed": True}, "replay": {"prepare": [["ensure_zone", {"zone": f"{zone}.", "name_servers": [f"ns1.{zone}."]}]]}}, file)
        played = subprocess.run([f"{BUILD}/bin/seed-plugin-check", f"{BUILD}/plugins/dns-powerdns.so", "--json", "--config", f"{platform.directory}/sandbox.json",
                                 "--replay", f"{platform.directory}/calls.ndjson"], capture_output=True, text=True, timeout=120)
        verdict = json.loads(played.stdout)
        assert played.returncode == status, (zone, verdict)
        assert ("2 calls played" if status == 0 else "'zones': replies") in verdict["text"], verdict


def checks():
    verdicts = schemas.each("plugin-check", seed("plugin", "check", "git", "--json").stdout)
    assert {one["id"].split(".")[0] for one in verdicts} == {"static", "life"} and {one["verdict"] for one in verdicts} <= {"pass", "warn"}, verdicts
    assert "checks, none failed" in seed("plugin", "check", "dns").stdout
    config = f"{platform.directory}/sandbox.json"
    with open(config, "w") as file:
        json.dump({"config": {}}, file)
    called = schemas.each("plugin-check", seed("plugin", "check", "git", "--config", config, "--only", "^contract\\.(valid|gone)$", "--json").stdout)
    assert [one["verdict"] for one in called] == ["pass", "pass"], called
    # A file that breaks a rule.
    os.chmod(f"{plugins}/storage-localpath.so", 0o777)
    result = seed("plugin", "check", "storage", "--json", check=False)
    assert result.returncode == 1 and any(one["id"] == "static.file" and one["verdict"] == "fail" for one in schemas.each("plugin-check", result.stdout)), result
    os.chmod(f"{plugins}/storage-localpath.so", 0o755)
    assert not [name for name in os.listdir("/tmp") if name.startswith("seed-check-")], "checks leave something behind"


def restarts():
    machine = [pid for pid, name in platform.processes() if name.startswith("qemu-system")]
    before = alice.instance("app")
    others = {one["kind"]: one["pid"] for one in ask("plugin-list", "plugin", "list")["plugins"]}
    # A new version of each, one after the other, while somebody pushes.
    version = ask("plugin-show", "plugin", "show", "git")["version"]
    newer = version[:-1] + "9"
    alice.change("app", {"README": "pushed during the restarts\n"})
    pushed = []
    pusher = threading.Thread(target=lambda: pushed.append(alice.push("app", check=False)))
    pusher.start()
    for kind, plugin in (("storage", "storage-localpath"), ("git", "git-silo"), ("dns", "dns-powerdns"), ("runtime", "runtime-qemu")):
        install(plugin, lambda content: content.replace(version.encode() + b"\0", newer.encode() + b"\0"))
        describe(plugin)
        done = ask("plugin-restart", "plugin", "restart", plugin)
        assert done["version_before"] == version and done["version"] == newer and done["kind"] == kind, done
        assert done["pid"] != done["pid_before"] == others[kind], done
        others[kind] = done["pid"]
        assert {one["kind"]: one["pid"] for one in ask("plugin-list", "plugin", "list")["plugins"]} == others, "another host was touched"
    pusher.join()
    assert pushed[0].returncode == 0, pushed
    assert [pid for pid, name in platform.processes() if name.startswith("qemu-system")] == machine, "the machine did not survive"
    alice.wait_ready("app")
    after = alice.instance("app")
    assert after["boot"] == before["boot"] and platform.dig(after["fqdn"]) == [after["address"]]
    assert platform.answers(after["urls"][0])
    told = [one for one in schemas.each("events", seed("events", "--json").stdout) if one["type"] == "provider_down"]
    assert not told, f"an ordered restart is no failure: {told}"
    return newer, others


def broken_files(version, others):
    """What cannot be taken up leaves the old one running, and says why."""
    def cut(content):
        return content[:len(content) // 2]

    def fails(status, *texts):
        refused(status, ["plugin", "restart", "storage"], "storage-localpath", *texts)
        shown = ask("plugin-show", "plugin", "show", "storage")
        assert shown["pid"] == others["storage"] and shown["version"] == version and shown["state"] == "running", shown
        assert ask("plugin-call", "plugin", "call", "storage", "check")["reply"]["ok"]

    install("storage-localpath", cut)
    fails(2, "damaged", "the one before it goes on")
    install("storage-localpath")   # the original with the manifest of another version
    with open(f"{plugins}/storage-localpath.json") as file:
        manifest = json.load(file)
    manifest["providers"][0]["version"] = "7.7.7"
    with open(f"{plugins}/storage-localpath.json", "w") as file:
        json.dump(manifest, file)
    fails(2, "manifest", "version")
    shutil.copy(f"{BUILD}/plugins/git-silo.so", f"{plugins}/.new")
    os.rename(f"{plugins}/.new", f"{plugins}/storage-localpath.so")
    os.remove(f"{plugins}/storage-localpath.json")
    fails(2, "does not offer storage-localpath")
    os.remove(f"{plugins}/storage-localpath.so")
    fails(3, "storage-localpath.so")
    # Even a host that is killed while the file on disk is broken goes on, with the file that was in use.
    install("storage-localpath", cut)
    os.kill(others["storage"], 9)
    wait_for(lambda: ask("plugin-call", "plugin", "call", "storage", "check")["reply"]["ok"], "the storage provider is back", 60)
    shown = ask("plugin-show", "plugin", "show", "storage")
    assert shown["version"] == version and shown["pid"] != others["storage"], shown
    assert "going on with the file that was in use before" in platform.log()
    install("storage-localpath")
    assert ask("plugin-restart", "plugin", "restart", "storage")["version_before"] == version
    assert ask("plugin-show", "plugin", "show", "storage")["path"] == f"{plugins}/storage-localpath.so"


def numbers():
    text = seed("metrics").stdout
    families = prometheus_text.parse(text)
    value = lambda name, **labels: prometheus_text.value(families, name, **labels)
    dns = {"kind": "dns", "plugin": "dns-powerdns"}
    assert value("seed_provider_calls_total", **dns, operation="zones", code="ok") >= 3
    assert value("seed_provider_calls_total", **dns, operation="list", code="not_found") >= 1
    assert value("seed_provider_replacements_total", **dns) == 1 and value("seed_provider_restarts_total", kind="storage", plugin="storage-localpath") >= 1
    durations = families["seed_provider_call_duration_seconds"][1]
    assert durations[("seed_provider_call_duration_seconds_count", frozenset({**dns, "operation": "zones"}.items()))] >= 3
    operations = {dict(labels)["operation"] for _, labels in durations}
    assert "list" not in {dict(labels)["operation"] for _, labels in durations if dict(labels)["kind"] == "dns"}, "a stream has no duration"
    assert "zones" in operations
    if shutil.which("promtool"):
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        assert checked.returncode == 0, checked.stdout + checked.stderr


platform = Platform("--verbose", start=False)
plugins = f"{platform.directory}/plugins"
os.mkdir(plugins, 0o755)
for plugin in ("runtime-qemu", "dns-powerdns", "git-silo", "storage-localpath"):
    install(plugin)
platform.settings = f"plugin_directories: [\"{plugins}\"]"
platform.start()
with platform:
    alice = Person(platform, "alice")
    alice.make_repo("app", "hello")
    alice.push("app")
    alice.wait_ready("app")
    calls()
    traces()
    a_recording_is_played()
    checks()
    newer, others = restarts()
    broken_files(newer, others)
    numbers()
