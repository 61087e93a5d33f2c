#!/usr/bin/env python3
"""The hoster names another DNS provider: the records move there, and only then leave the old one; the instance goes on.

The volumes lie where the hoster said, outside the state directory, though the storage provider is caged.
"""
import json
import os

from knot_server import KnotServer
from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True, programs=["knotd"])
DOMAIN = "seed.test"


def configure(dns):
    with open(platform.config, "w") as file:   # JSON is YAML
        json.dump({"platform": {"domain": DOMAIN, "silo": f"silo.{DOMAIN}", "state": platform.state},
                   "listen": {"ssh": "127.0.0.1:0", "http": "127.0.0.1:0"}, "admission": "open",
                   "providers": {"runtime": {"plugin": "runtime-qemu", "config": {"loopback_ports": "20000-29999"}}, "dns": dns, "git": [{"plugin": "git-silo"}],
                                 "storage": {"plugin": "storage-localpath", "config": {"path": volumes}}}}, file)


with KnotServer(DOMAIN) as knot:
    platform = Platform(start=False)
    platform.config, volumes = f"{platform.directory}/seed.yaml", f"{platform.directory}/volumes/here"
    configure({"plugin": "dns-powerdns", "config": {"managed": True, "listen": "127.0.0.1:0"}})
    platform.start()
    with platform:
        alice = Person(platform, "alice")
        alice.make_repo("app", "hello")
        alice.push("app")
        hello = alice.instance("app")
        assert platform.dig(hello["fqdn"]) == [hello["address"]]
        assert any(name.endswith(".img") for _, _, names in os.walk(volumes) for name in names), "the volume is not where the hoster said"

        old_server = platform.ready["dns"]
        platform.kill()
        configure({"plugin": "dns-rfc2136", "config": knot.configuration()})
        platform.start()
        wait_for(lambda: knot.dig(hello["fqdn"], "AAAA") == [hello["address"]], "the record is in the new server", 60)
        assert platform.ready["dns"] == f"127.0.0.1:{knot.port}"
        assert "moved from dns-powerdns to dns-rfc2136" in platform.log(), "nothing was moved"
        wait_for(lambda: alice.instance("app")["state"] == "ready", "the instance is found again", 60)
        assert alice.instance("app")["boot"] == hello["boot"], "changing the DNS provider restarted the instance"
        assert old_server != platform.ready["dns"]
        assert knot.dig(f"foreign.{DOMAIN}", "A") == ["192.0.2.7"], "a record of somebody else was touched"
        assert knot.secret not in platform.log(), "the secret of the key is in the log"

        # And back: the old provider gets them again, and nothing of ours stays behind.
        platform.kill()
        configure({"plugin": "dns-powerdns", "config": {"managed": True, "listen": "127.0.0.1:0"}})
        platform.start()
        wait_for(lambda: platform.dig(hello["fqdn"]) == [hello["address"]], "the record is back", 60)
        assert knot.dig(hello["fqdn"], "AAAA") == [], "the record is still in the server that was left"
        assert knot.dig(f"foreign.{DOMAIN}", "A") == ["192.0.2.7"]
