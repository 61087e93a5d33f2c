#!/usr/bin/env python3
"""A provider tells the secret of its configuration in every way it has; nobody hears it: not the real log, no answer, trace, event or process."""
import json
import os
import shutil
import subprocess
import threading
import urllib.parse

import schemas
from seed_platform import BUILD, Platform, needs, skip, wait_for

needs(root=True)
SECRET = "canary\"of/the+operator?"
FORMS = [SECRET, json.dumps(SECRET)[1:-1], urllib.parse.quote(SECRET, safe=""), "canary"]
HOSTILE = f"{BUILD}/plugins/bad/hostile.so"
if not os.path.exists(HOSTILE):
    skip(f"needs {HOSTILE}: build unit_providers")


def silent(where, text):
    for form in FORMS:
        assert form not in text, f"{where} tells the secret as {form!r}: ...{text[max(0, text.index(form) - 200):][:400]}"


def seed(*words, check=True):
    result = subprocess.run([f"{BUILD}/bin/seed", "--state", platform.state, *words], capture_output=True, text=True, timeout=120, env={"PATH": os.environ["PATH"]})
    assert not check or result.returncode == 0, f"{result.args}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


platform = Platform("--verbose", start=False)
plugins = f"{platform.directory}/plugins"
os.mkdir(plugins, 0o755)
for name in ("runtime-qemu", "git-silo", "storage-localpath"):
    for suffix in (".so", ".json"):
        shutil.copy(f"{BUILD}/plugins/{name}{suffix}", plugins)
shutil.copy(HOSTILE, plugins)
platform.config = f"{platform.directory}/seed.yaml"
with open(platform.config, "w") as file:   # JSON is YAML
    json.dump({"platform": {"domain": "seed.test", "silo": "silo.seed.test", "state": platform.state}, "listen": {"ssh": "127.0.0.1:0", "http": "127.0.0.1:0"},
               "admission": "open", "plugin_directories": [plugins],
               "providers": {"runtime": {"plugin": "runtime-qemu", "config": {"loopback_ports": "20000-29999"}}, "git": {"plugin": "git-silo"},
                             "storage": {"plugin": "storage-localpath"}, "dns": {"plugin": "hostile", "config": {"secret": SECRET}}}}, file)
platform.start()
with platform:
    heard = []
    trace = subprocess.Popen([f"{BUILD}/bin/seed", "--state", platform.state, "plugin", "trace", "--bodies", "--json"], stdout=subprocess.PIPE, text=True)
    threading.Thread(target=lambda: heard.extend(trace.stdout), daemon=True).start()
    wait_for(lambda: heard, "the trace begins")
    told = seed("plugin", "call", "dns", "check", json.dumps({"attempt": "tell", "note": f"also {SECRET} here"}), check=False)
    assert told.returncode == 4 and "denied: hostile check: the secret is ***" in told.stderr, told
    as_json = seed("plugin", "call", "dns", "check", '{"attempt":"tell"}', "--json", check=False)
    assert schemas.one("error", as_json.stderr)["error"]["code"] == "denied"
    # Twice: in its own log call, on stdout, and in JSON on stderr.
    wait_for(lambda: platform.log().count("the secret is ***") >= 6, lambda: f"six masked lines are in the log, not {platform.log().count('the secret is')}")
    wait_for(lambda: len([line for line in heard if '"hostile"' in line and '"check"' in line and "denied" in line]) >= 2, "the trace has both calls")
    trace.terminate()
    trace.wait()
    entry = next(json.loads(line) for line in heard if '"note"' in line)
    assert entry["request"]["note"] == "also *** here" and "the secret is ***" in entry["text"], entry
    silent("the trace", "".join(heard))
    silent("the log", platform.log())
    silent("the answer", told.stdout + told.stderr + as_json.stdout + as_json.stderr)
    host = json.loads(seed("plugin", "show", "dns", "--json").stdout)["pid"]
    os.kill(host, 9)
    wait_for(lambda: seed("plugin", "call", "dns", "zones"), "the host is back")
    silent("what is shown", seed("plugin", "show", "dns", "--json").stdout + seed("events", "--json").stdout + seed("metrics").stdout + seed("health", "--json", check=False).stdout)
    for pid, name in platform.processes():
        for part in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{part}", "rb") as file:
                silent(f"{part} of {name}", file.read().decode(errors="replace"))
    for folder, _, names in os.walk(platform.state):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) < 16 << 20 and folder.endswith(("core", "dns", "hostile")) and not name.startswith("seed.sqlite3"):
                with open(path, "rb") as file:
                    silent(path, file.read().decode(errors="replace"))
