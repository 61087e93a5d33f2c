#!/usr/bin/env python3
"""The Debian guest boots systemd, is a whole machine with cgroup v2, and restored copies answer with exact exit statuses."""
import os
import time

from debian_guest import DebianGuest, guest_files, only_one

files = guest_files()
if os.path.exists(f"{files}/plain.state"):
    os.remove(f"{files}/plain.state")       # this test is about the boot itself
with only_one("debian-guest-plain"):
    guest = DebianGuest(saved="plain")
    try:
        assert not guest.restored
        status, output = guest.run("systemctl is-system-running; exit 7")
        assert (status, output) == (7, "running\n"), f"{status} {output}\n{guest.run('systemctl --failed')[1]}"
        assert guest.check("stat -f -c %T /sys/fs/cgroup").strip() == "cgroup2fs"
        controllers = guest.check("cat /sys/fs/cgroup/cgroup.controllers").split()
        assert {"cpu", "memory", "pids", "io"} <= set(controllers), controllers
        assert guest.run("systemd-run --quiet --wait --pipe -p MemoryMax=64M bash -c 'exit 5'")[0] == 5
        guest.check("nft add table inet t; nft 'add chain inet t c { type filter hook input priority 0; }'; nft add rule inet t c ct state established counter")
        guest.put(os.path.abspath(__file__), "/root/copy.py")
        assert "exact exit statuses" in guest.check("cat /root/copy.py")
        guest.save()
    finally:
        guest.close()

for wanted in (0, 5, 123):
    with DebianGuest(saved="plain") as guest:
        assert guest.restored
        status, output = guest.run(f"systemctl is-active ssh; date +%s; exit {wanted}", 60)
        active, clock = output.split()
        assert (status, active) == (wanted, "active"), (status, output)
        assert abs(int(clock) - time.time()) < 60, "the clock of a restored guest is right"
print("booted, saved and restored three times")
