#!/usr/bin/env python3
"""A platform whose disk is full takes nothing new, says so in a sentence, keeps what runs, rolls back, and goes on when there is space again."""
import os
import shutil
import subprocess
import tempfile

from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True)
base = tempfile.mkdtemp(prefix="seed-test-", dir="/tmp")
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900m,mode=755", "tmpfs", base], check=True)
try:
    os.mkdir(f"{base}/platform")
    with Platform(directory=f"{base}/platform", settings="limits: { reserve_bytes: 100Mi, store_bytes: 400Mi }") as platform:
        alice = Person(platform, "alice")
        alice.make_repo("app", "hello")
        alice.push("app")
        url = alice.wait_ready("app")["urls"][0]
        alice.change("app", {"flake.nix": lambda text: text.replace("Hello from", "Greetings from")})
        alice.push("app")
        wait_for(lambda: "Greetings" in platform.get(url), "the second generation is served", 60)
        wait_for(lambda: alice.flake("app")["phase"] == "", "it has come to rest", 60)

        def fill(leave):
            with open(f"{base}/ballast", "wb") as ballast:
                while shutil.disk_usage(base).free > leave + (1 << 20):
                    ballast.write(b"x" * (1 << 20))
                    ballast.flush()

        # Below the reserve: a push and a first push are refused before anything is written; the ref stays, the name stays free.
        fill(60 << 20)
        before = alice.git("ls-remote", alice.url("app"), "refs/heads/main").stdout
        alice.change("app", {"flake.nix": lambda text: text.replace("Greetings from", "Third from")})
        told = alice.push("app", check=False)
        assert told.returncode != 0 and "disk is full" in told.stderr and "what runs goes on" in told.stderr, told.stderr
        alice.make_repo("other", "hello")
        assert "disk is full" in alice.push("other", check=False).stderr
        assert alice.git("ls-remote", alice.url("app"), "refs/heads/main").stdout == before
        assert [one["repository"] for one in alice.ask("status")["flakes"]] == ["app"]
        # What needs no space works: a rollback, a restart.
        assert alice.ask("rollback", "app")["state"] == "deployed"
        wait_for(lambda: "Hello from" in platform.get(url), "the first generation is served", 60)

        # Not one byte left: what runs stays up, also with its log and its volume; the platform answers or says why not.
        fill(0)
        with open(f"{base}/last", "wb", buffering=0) as last:
            try:
                while True:
                    last.write(b"y" * 4096)
            except OSError:
                pass
        assert "Hello from" in platform.get(url)
        assert alice.instance("app")["state"] == "ready"
        refused = alice.ssh("restart", "app/hello", check=False)
        assert refused.returncode == 0 or "full" in refused.stderr or "space" in refused.stderr, refused.stderr
        os.remove(f"{base}/last")
        os.remove(f"{base}/ballast")

        # Space again: everything goes on without a hand's help.
        wait_for(lambda: alice.instance("app")["state"] == "ready" and "Hello from" in platform.get(alice.instance("app")["urls"][0]), "it runs still", 90)
        assert "deployed in" in alice.push("app").stderr
        wait_for(lambda: "Third" in platform.get(alice.instance("app")["urls"][0]), "the third generation is served", 60)
finally:
    subprocess.run(["umount", "-l", base], check=False)
    os.rmdir(base)
