#!/usr/bin/env python3
"""A pushed closure with Debian's systemd boots: nginx answers through the nftables firewall, the journal appears in the logs."""
import systemd_closure
from seed_person import Person
from seed_platform import Platform, wait_for

flake = systemd_closure.flake()
with Platform() as platform:
    alice = Person(platform, "alice")
    alice.make_repo("system", flake)
    alice.push("system", timeout=600)
    web = alice.wait_ready("system", "web")
    assert platform.get(web["urls"][0], deadline=60) == "hello from systemd\n"
    logs = wait_for(lambda: next((t for t in [alice.ssh("logs", "system/web").stdout] if "nginx" in t), None), "nginx's journal in the logs", 60)
    assert "nft" in logs and "systemd[1]" in logs, logs
    assert "Failed to start" not in logs, logs
print("systemd, journald, nftables and nginx ran in an instance")
