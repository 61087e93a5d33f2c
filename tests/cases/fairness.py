#!/usr/bin/env python3
"""Evaluations of one tenant that do not end, in several of his repositories, do not delay another tenant's push."""
import subprocess
import time

from endless import ENDLESS
from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True)

with Platform(settings="limits: { parallel_builds: 2, evaluation_seconds: 60 }") as platform:
    alice, mallory = Person(platform, "alice"), Person(platform, "mallory")
    pushes = []
    for name in ("one", "two", "three"):
        mallory.make_repo(name, "two", {"flake.nix": ENDLESS, "web.txt": "", "api.txt": ""})
        pushes.append(subprocess.Popen(["git", "push", mallory.url(name), "HEAD:refs/heads/main"], cwd=mallory.folder(name), env=mallory.environment(),
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
        wait_for(lambda: mallory.flake(name)["phase"] == "evaluating", f"{name} is being evaluated", 60)
    alice.make_repo("shop", "two", {"web.txt": "web one\n", "api.txt": "api one\n"})
    began = time.monotonic()
    assert "deployed in" in alice.push("shop").stderr
    print(f"deployed in {time.monotonic() - began:.1f} s beside three evaluations that do not end")
    phases = [mallory.flake(name)["phase"] for name in ("one", "two", "three")]
    assert phases.count("evaluating") >= 2, f"the others should still be at it: {phases}"
    assert alice.ask("status")["flakes"][0]["instances"][0]["state"] == "ready"
    for push in pushes:
        push.kill()
        push.wait()
