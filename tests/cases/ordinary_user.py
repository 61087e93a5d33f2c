#!/usr/bin/env python3
"""The whole path works for an ordinary user: no root, no account even, nothing of the host is changed."""
import os
import subprocess
import sys
import tempfile

if os.geteuid() == 0:
    # Become somebody without rights and run this file again.  In a mount namespace of our own that somebody has an account, which
    # ssh insists on, and an open /dev/net/tun, which some hosts close: the host's files stay as they are.
    if "SEED_TEST_USER" not in os.environ:
        with tempfile.TemporaryDirectory(prefix="seed-user-") as folder:
            os.mknod(f"{folder}/tun", 0o20666, os.makedev(10, 200))
            os.chmod(f"{folder}/tun", 0o666)
            with open("/etc/passwd") as accounts, open(f"{folder}/passwd", "w") as more:
                more.write(accounts.read() + "somebody:x:12345:12345::/nonexistent:/bin/sh\n")
            os.chmod(f"{folder}/passwd", 0o644)
            mounts = 'mount --bind "$1/tun" /dev/net/tun; mount --bind "$1/passwd" /etc/passwd; shift; exec "$@"'
            sys.exit(subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-ec", mounts, "sh", folder,
                                     sys.executable, __file__], env={**os.environ, "SEED_TEST_USER": "somebody"}).returncode)
    os.setgroups([])
    os.setresgid(12345, 12345, 12345)
    os.setresuid(12345, 12345, 12345)
    os.environ.update(HOME="/nonexistent", USER="somebody")
    os.execv("/usr/bin/python3", ["/usr/bin/python3", __file__])   # ours may lie where only root goes

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
