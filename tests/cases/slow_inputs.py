#!/usr/bin/env python3
"""Flake inputs from a server that does not answer, wanted by several tenants at once, keep nobody else's build waiting."""
import subprocess
import threading

from flake_inputs import lock, references, tarball
from https_origin import Origin
from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True, programs=["openssl"])

ended = threading.Event()
platform = Platform(start=False)
origin = Origin(f"{platform.directory}/origin", "files.example")
origin.pages["/never.tar.gz"] = lambda handler: ended.wait(600)
never = {"never": tarball("https://files.example/never.tar.gz", "sha256-" + "A" * 43 + "=")}
platform.settings = f"limits: {{ parallel_builds: 1 }}\nbuilder:\n{origin.yaml()}"


def waits_for_never(text):
    return text.replace("outputs = { self }:", f"inputs = {references(never)};\n  outputs = {{ self, never }}:")


with origin, platform:
    platform.start()
    pushes = []
    try:
        for name in ("mallory", "mordred"):
            person = Person(platform, name)
            person.make_repo(name, "two", {"flake.nix": waits_for_never, "flake.lock": lock(never)})
            pushes.append(subprocess.Popen(["git", "push", person.url(name), "HEAD:refs/heads/main"], cwd=person.folder(name), env=person.environment(),
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_for(lambda: len(origin.asked) == 2, "both inputs are being fetched, with one place for builds", 60)
        alice = Person(platform, "alice")
        alice.make_repo("shop", "two", {"web.txt": "web one\n", "api.txt": "api one\n"})
        assert "deployed in" in alice.push("shop").stderr
        assert alice.ask("status")["flakes"][0]["instances"][0]["state"] == "ready"
        assert len(origin.asked) == 2 and all(push.poll() is None for push in pushes), "the others should still be fetching"
    finally:
        ended.set()
        for push in pushes:
            push.kill()
            push.wait()
