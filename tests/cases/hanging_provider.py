#!/usr/bin/env python3
"""A provider that hangs over one tenant's DNS records, volume or machine keeps no other tenant waiting: his first push, his status, his stop
and his start all end while the call still hangs.  The providers are mocks, the rest is real."""
import json
import os
import re
import signal
import subprocess
import threading
import time

from seed_person import Person
from seed_platform import BUILD, Platform, needs, wait_for

needs(root=True)

MOCKS = """
platform: {{ domain: seed.localhost, silo: silo.seed.localhost, state: "{state}" }}
listen: {{ ssh: "127.0.0.1:0", http: "127.0.0.1:0" }}
admission: open
providers:
  runtime: {{ plugin: mock-runtime }}
  dns: {{ plugin: mock-dns, config: {{ zones: ["seed.localhost."] }} }}
  git: {{ plugin: git-silo }}
  storage: {{ plugin: mock-storage }}
"""
META = 'expose.http = { inherit port; protocol = "http"; };'
# (provider, slot that hangs, how long one call may take before the core gives it up: core/deploy/converge.cpp, core/names/records.cpp)
HANGS = [("dns", "apply", 30), ("storage", "create", 120), ("runtime", "start", 60)]


def flake(text, *, size="xs", second="api"):
    """Of tests/flakes/two: with a volume for each instance, the size, and another name for the second instance."""
    if "storage" not in text:
        text = text.replace(META, META + ' storage.data = "8Mi";')
    text = re.sub(r' size = "\w+"', f' size = "{size}"', text)
    return re.sub(r'api\d* = instance { name = "api\d*"', f'{second} = instance {{ name = "{second}"', text)


def files_of(provider):
    """The folder of a mock's script.json and calls.jsonl."""
    return next(folder for folder, _, files in os.walk(platform.state) if "calls.jsonl" in files and f"/{provider}" in folder)


def script(provider, content):
    with open(f"{files_of(provider)}/script.json.new", "w") as file:
        json.dump(content, file)
    os.chmod(file.name, 0o644)
    os.replace(file.name, f"{files_of(provider)}/script.json")


def hanging_calls(provider, slot, namespace):
    with open(f"{files_of(provider)}/calls.jsonl") as file:
        calls = [json.loads(line) for line in file if line.endswith("\n")]
    return [one["time_ms"] for one in calls if one["slot"] == slot and namespace in json.dumps(one["request"])]


def seed(*words):
    return subprocess.run([f"{BUILD}/bin/seed", "--state", platform.state, *words, "--json"], capture_output=True, text=True, timeout=60, check=True).stdout


def everything_of(person, repository):
    """A first push, then status, stop and start of what it made."""
    person.make_repo(repository, "two", {"web.txt": f"{repository}\n", "flake.nix": flake})
    assert "deployed in" in person.push(repository).stderr
    person.wait_ready(repository, "web")
    person.ssh("stop", f"{repository}/web")
    wait_for(lambda: person.instance(repository, "web")["state"] == "stopped", "it is stopped", 60)
    person.ssh("start", f"{repository}/web")
    person.wait_ready(repository, "web")


platform = Platform(start=False)
config = f"{platform.directory}/seed.yaml"
with open(config, "w") as file:
    file.write(MOCKS.format(state=platform.state))
platform.config = config
platform.start()
with platform:
    alice, mallory = Person(platform, "alice"), Person(platform, "mallory")
    mallory.make_repo("his", "two", {"web.txt": "his\n", "api.txt": "his\n"})
    mallory.push("his")
    namespace = mallory.flake("his")["namespace"]
    alice.make_repo("warm", "two", {"flake.nix": flake})
    alice.push("warm")

    for number, (provider, slot, patience) in enumerate(HANGS):
        script(provider, {"hang": [slot], "only": namespace})
        before = len(hanging_calls(provider, slot, namespace))
        # Another instance, volume and size: every provider has something to do for him.
        mallory.change("his", {"flake.nix": lambda text: flake(text, size=("s", "xs")[number % 2], second=f"api{number}"), "web.txt": f"his {number}\n"})
        push = threading.Thread(target=lambda: mallory.push("his", check=False, timeout=900))
        push.start()
        wait_for(lambda: len(hanging_calls(provider, slot, namespace)) > before, f"{slot} hangs over {namespace}", 120)
        # A busy machine may be slower than one hanging call; it hangs again and again, and one of these must see us through.
        for attempt in range(4):
            hangs = hanging_calls(provider, slot, namespace)
            everything_of(alice, f"hers-{provider}-{slot}-{attempt}")
            done = time.time() * 1000
            if done < max(hangs) + patience * 1000:
                break
            wait_for(lambda: len(hanging_calls(provider, slot, namespace)) > len(hangs), f"{slot} hangs again", 200)
        else:
            raise AssertionError(f"a call of {provider} {slot} that hangs for one tenant kept another waiting each time")
        print(f"{provider} {slot}: {(done - max(hangs)) / 1000:.1f} s after it began to hang, the other tenant was served")
        script(provider, {})
        os.kill(json.loads(seed("plugin", "show", provider))["pid"], signal.SIGKILL)   # it would hang to the end of its deadline
        push.join()
        wait_for(lambda: mallory.flake("his")["phase"] == "" and mallory.flake("his")["trouble"] == "", "he is served, too, as soon as it works again", 200)
