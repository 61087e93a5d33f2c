#!/usr/bin/env python3
"""A seedd that is killed or upgraded touches no machine; what was pushed while it was away is deployed; machines that die are healed."""
import os
import signal

from seed_person import Person
from seed_platform import Platform, needs, wait_for

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
