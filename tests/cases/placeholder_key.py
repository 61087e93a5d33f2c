#!/usr/bin/env python3
"""A template that is pushed with the placeholder still in .authorized_keys is refused with the remedy, and works once it is replaced.

The templates themselves need nixpkgs, so theirs is put beside a flake that does not; each of them ignores the identity's key.
"""
import glob
import os

from seed_person import Person
from seed_platform import SOURCE, Platform

files = sorted(glob.glob(f"{SOURCE}/templates/*/.authorized_keys"))
assert len(files) >= 4, files
texts = {open(file).read() for file in files}
assert len(texts) == 1, "the templates' .authorized_keys differ"
for folder in {os.path.dirname(file) for file in files} | {f"{SOURCE}/templates/hello"}:
    with open(f"{folder}/.gitignore") as ignored:
        assert ".seed-identity-key" in ignored.read().split(), f"{folder}/.gitignore does not keep the identity's key out"

with Platform() as platform:
    alice = Person(platform, "alice")
    alice.make_repo("app", "hello", {".authorized_keys": texts.pop()})
    told = alice.push("app", check=False).stderr
    assert ".authorized_keys still holds the template's placeholder: replace that line by your SSH public key" in told, told
    assert "FAILED" in told and alice.flake("app")["instances"] == [], told
    plan = alice.ssh("plan", "app", check=False)
    assert plan.returncode != 0 and "placeholder" in plan.stderr, plan
    alice.change("app", {".authorized_keys": lambda text: text.replace("ssh-ed25519 REPLACE-THIS-LINE-BY-YOUR-PUBLIC-KEY you@machine", alice.public_key)})
    alice.push("app")
    assert "Hello" in platform.get(alice.wait_ready("app")["urls"][0], deadline=60)
