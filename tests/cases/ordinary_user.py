#!/usr/bin/env python3
"""The whole path works for an ordinary user: no root, no account even, nothing of the host is changed."""
import os
import sys

if os.geteuid() == 0:   # become somebody without rights, then run this file again
    os.setgroups([])
    os.setresgid(12345, 12345, 12345)
    os.setresuid(12345, 12345, 12345)
    os.environ.update(HOME="/nonexistent", USER="somebody")
    os.execv(sys.executable, [sys.executable, __file__])

from seed_person import Person
from seed_platform import Platform, needs, skip

needs(programs=["pasta"])
if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
    skip("/dev/net/tun is not open to ordinary users here")

with Platform() as platform:
    alice = Person(platform, "alice")
    alice.make_repo("app", "hello")
    alice.push("app")
    hello = alice.instance("app")
    assert "Boot number 1" in platform.get(hello["urls"][0], deadline=60)
    assert platform.dig(hello["fqdn"]) == [hello["address"]]
    for pid, program in platform.processes():
        assert os.stat(f"/proc/{pid}").st_uid == 12345, f"{program} runs as somebody else"
