#!/usr/bin/env python3
"""A seedd that is killed or upgraded touches no machine; what was pushed while it was away is deployed; machines that die are healed."""
import fcntl
import os
import signal
import subprocess
import threading

from seed_person import Person
from seed_platform import BUILD, Platform, needs, wait_for

needs(root=True)


def page():
    return platform.get(alice.instance("app")["urls"][0])


with Platform() as platform:
    alice = Person(platform, "alice")
    alice.make_repo("app", "hello")
    alice.push("app")
    hello = alice.instance("app")
    platform.get(hello["urls"][0], deadline=30)

    # SIGKILL: the machine goes on, and is found again.
    platform.kill()
    assert "Boot number 1" in platform.get(hello["urls"][0], deadline=30), "the instance went down with seedd"
    # A child that the dead one was just starting holds its lock a moment longer: the next seedd waits for it, but not for ever.
    with open(f"{platform.state}/lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = subprocess.run([f"{BUILD}/bin/seedd", "--embedded", platform.state], capture_output=True, text=True, timeout=120)
        assert refused.returncode == 1 and "in use by another seedd" in refused.stderr, refused
        threading.Timer(1, fcntl.flock, (lock, fcntl.LOCK_UN)).start()
        platform.start()
    wait_for(lambda: alice.instance("app")["state"] == "ready", "the instance is found again", 60)
    assert alice.instance("app")["boot"] == hello["boot"], "a restart of seedd restarted the instance"
    assert "Boot number 1" in page()

    # A killed machine comes back with its volume.
    machine = platform.processes("qemu-system-x86_64")[0][0]
    os.kill(machine, signal.SIGKILL)
    wait_for(lambda: "Boot number 2" in page(), "the instance is healed", 120)

    # A foreign change of the record is healed as well: it is what we publish.
    assert platform.dig(hello["fqdn"]) == [hello["address"]]

    # Killed in the middle of a deployment: the next start carries it out.
    alice.change("app", {"flake.nix": lambda text: text.replace("Hello from instance", "Greetings from instance")})
    alice.push("app", "-o", "nowait")
    platform.kill()
    platform.start()
    wait_for(lambda: "Greetings" in page(), "the push is deployed after the restart", 120)
    assert alice.flake("app")["revision"]["state"] == "deployed"
