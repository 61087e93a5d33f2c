#!/usr/bin/env python3
"""The hoster names another DNS provider: the platform's records and those of tenants' own domains move there, are verified, and only then leave the
old one; the instance goes on.  What would move is told before; a seedd that is killed in the middle converges at its next start.  A server that
is gone for good is forgotten when the operator says so.

The volumes lie where the hoster said, outside the state directory, though the storage provider is caged.
"""
import glob
import json
import os
import sqlite3
import subprocess
import time

import schemas
import several
from knot_server import KnotServer
from seed_person import Person
from seed_platform import BUILD, Platform, needs, wait_for

needs(root=True, programs=["knotd"])
DOMAIN, OWN = "seed.test", "shop.test.org"
POWERDNS = {"plugin": "dns-powerdns", "config": {"managed": True, "listen": "127.0.0.1:0"}}
SEEDS = {"web": {"expose": {"http": 80}, "dns": {"names": [OWN, f"www.{OWN}"]}, "script": several.serve(80), "storage": {"data": "8Mi"}}}


def configure(dns):
    with open(platform.config, "w") as file:   # JSON is YAML
        json.dump({"platform": {"domain": DOMAIN, "silo": f"silo.{DOMAIN}", "state": platform.state},
                   "listen": {"ssh": "127.0.0.1:0", "http": "127.0.0.1:0"}, "admission": "open",
                   "providers": {"runtime": {"plugin": "runtime-qemu", "config": {"loopback_ports": "20000-29999"}}, "dns": dns, "git": [{"plugin": "git-silo"}],
                                 "storage": {"plugin": "storage-localpath", "config": {"path": volumes}}}}, file)


def seed(*words, check=True):
    return subprocess.run([f"{BUILD}/bin/seed", "--state", platform.state, *words], capture_output=True, text=True, check=check)


def plan():
    return schemas.one("plan-providers", seed("plan", "--providers", "--json").stdout)


def refused(*words, status, text):
    result = seed(*words, check=False)
    assert result.returncode == status and text in result.stderr and result.stderr.count("\n") == 1 and "\x1b" not in result.stderr, result


def at_knot(name):
    return knot.dig(name, "AAAA") == [web["address"]]


def everything_at_knot():
    return all(at_knot(name) for name in (web["fqdn"], OWN, f"www.{OWN}"))


def in_powerdns():
    """Names with an address in the database of the managed server, whoever answers now."""
    found = set()
    for file in glob.glob(f"{platform.state}/dns/**/*.sqlite3", recursive=True) + glob.glob(f"{platform.state}/dns/**/*.db", recursive=True):
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10) as database:
            found |= {row[0] for row in database.execute("select name from records where type in ('A', 'AAAA')")}
    return {name for name in found if name.endswith(OWN) or name == web["fqdn"]}


def zones_in_powerdns():
    found = set()
    for file in glob.glob(f"{platform.state}/dns/**/*.sqlite3", recursive=True) + glob.glob(f"{platform.state}/dns/**/*.db", recursive=True):
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10) as database:
            found |= {row[0] for row in database.execute("select name from domains")}
    return found


with KnotServer(DOMAIN, OWN) as knot:
    platform = Platform(start=False)
    platform.config, volumes = f"{platform.directory}/seed.yaml", f"{platform.directory}/volumes/here"
    configure(POWERDNS)
    platform.start()
    with platform:
        alice = Person(platform, "alice")
        several.make(alice, "app", SEEDS, {"combine": {"domains": {OWN: {}}}})
        alice.push("app")
        web = alice.wait_ready("app")
        assert platform.dig(web["fqdn"]) == platform.dig(f"www.{OWN}") == [web["address"]]
        assert any(name.endswith(".img") for _, _, names in os.walk(volumes) for name in names), "the volume is not where the hoster said"
        assert in_powerdns() >= {web["fqdn"], OWN, f"www.{OWN}"}, in_powerdns()

        # Told before: both zones.
        old_server = platform.ready["dns"]
        configure({"plugin": "dns-rfc2136", "config": knot.configuration()})
        moves = {one["zone"]: one for one in plan()["moves"]}
        assert set(moves) == {f"{DOMAIN}.", f"{OWN}."} and all(one["from"] == "dns-powerdns" and one["to"] == "dns-rfc2136" for one in moves.values()), moves
        assert moves[f"{OWN}."]["record_sets"] >= 2 and "created at dns-rfc2136, verified there, then removed from dns-powerdns" in " ".join(plan()["lines"])
        assert platform.dig(f"www.{OWN}") == [web["address"]] and not at_knot(web["fqdn"]), "looking moved something"

        # Killed as soon as the first record is there, and at other moments; the records are always in one of the two.
        for pause in (0, 0.05, 0.3):
            platform.kill()
            process = subprocess.Popen([f"{BUILD}/bin/seedd", "--config", platform.config], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=open(platform.log_file, "ab"), cwd=platform.directory, env={**os.environ, "SEED_TEST": platform.directory}, start_new_session=True)
            platform.process = process
            wait_for(lambda: at_knot(web["fqdn"]) or process.poll() is not None, "the first record arrives", 120, pause=0.01)
            time.sleep(pause)   # a moment of the move, whichever
            process.kill()
            process.wait()
            lost = [name for name in (web["fqdn"], OWN, f"www.{OWN}") if not at_knot(name) and name not in in_powerdns()]
            assert not lost, f"in neither server: {lost}"

        platform.start()
        wait_for(everything_at_knot, "all records are in the new server", 60)
        assert platform.ready["dns"] == f"127.0.0.1:{knot.port}"
        assert "moved from dns-powerdns to dns-rfc2136" in platform.log(), "nothing was moved"
        assert in_powerdns() == set(), f"still in the server that was left: {in_powerdns()}"
        assert zones_in_powerdns() == {DOMAIN}, f"it would answer for a tenant's domain: {zones_in_powerdns()}"
        wait_for(lambda: alice.instance("app")["state"] == "ready", "the instance is found again", 60)
        assert alice.instance("app")["boot"] == web["boot"], "changing the DNS provider restarted the instance"
        assert old_server != platform.ready["dns"]
        for zone in (DOMAIN, OWN):
            assert knot.dig(f"foreign.{zone}", "A") == ["192.0.2.7"], "a record of somebody else was touched"
        assert knot.secret not in platform.log(), "the secret of the key is in the log"
        assert not plan()["changes"]

        # And back: the old provider gets them again, and nothing of ours stays behind.
        configure(POWERDNS)
        assert {one["to"] for one in plan()["moves"]} == {"dns-powerdns"}
        platform.kill()
        platform.start()
        wait_for(lambda: all(platform.dig(name) == [web["address"]] for name in (web["fqdn"], OWN, f"www.{OWN}")), "the records are back", 60)
        for name in (web["fqdn"], OWN, f"www.{OWN}"):
            assert knot.dig(name, "AAAA") == [], f"{name} is still in the server that was left"
        for zone in (DOMAIN, OWN):
            assert knot.dig(f"foreign.{zone}", "A") == ["192.0.2.7"]
        assert alice.instance("app")["boot"] == web["boot"]

        # The server that the records are at is gone for good: the platform serves with the other one, and each start asks in vain, until the
        # operator gives up what is there.
        configure({"plugin": "dns-rfc2136", "config": knot.configuration()})
        platform.kill()
        platform.start()
        wait_for(everything_at_knot, "all records are in Knot again", 60)
        refused("plugin", "forget", "--yes", "dns-rfc2136", "dns-rfc2136", status=1, text="is the DNS provider in use")
        knot.process.kill()
        knot.process.wait()
        configure(POWERDNS)
        for _ in range(2):
            platform.kill()
            before = len(platform.log())
            platform.start()
            assert "records stay at dns-rfc2136" in platform.log()[before:] and "seed plugin forget dns-rfc2136" in platform.log()[before:]
        wait_for(lambda: all(platform.dig(name) == [web["address"]] for name in (web["fqdn"], OWN, f"www.{OWN}")), "they are served without it", 60)
        for words in ((), ("--yes", "dns"), ("--yes", "dns-powerdns")):
            refused("plugin", "forget", *words, "dns-rfc2136", status=2, text="add: --yes dns-rfc2136")
        refused("plugin", "forget", "--yes", "dns-powerdns", "dns-powerdns", status=1, text="is the DNS provider in use")
        refused("plugin", "forget", "--yes", "storage-localpath", "storage-localpath", status=1, text="has volumes")
        refused("plugin", "forget", "--yes", "nobody\x1b[31m", "nobody\x1b[31m", status=3, text="no former DNS provider")
        assert "records stay at dns-rfc2136" in platform.log()
        forgotten = schemas.one("plugin-forget", seed("plugin", "forget", "--yes", "dns-rfc2136", "dns-rfc2136", "--json").stdout)
        assert forgotten == {"plugin": "dns-rfc2136", "in_use": "dns-powerdns", "zones": [f"{DOMAIN}.", f"{OWN}."], "folder": f"{platform.state}/dns-rfc2136"}, forgotten
        refused("plugin", "forget", "--yes", "dns-rfc2136", "dns-rfc2136", status=3, text="no former DNS provider")
        platform.kill()
        before = len(platform.log())
        platform.start()
        assert "dns-rfc2136" not in platform.log()[before:], "it is still asked"
        assert platform.dig(web["fqdn"]) == [web["address"]] and alice.instance("app")["boot"] == web["boot"]

        # A tenant who gives up his domain: the server does not answer for it any more, though it made the zone.
        assert OWN in zones_in_powerdns()
        several.change(alice, "app", {"web": {name: value for name, value in SEEDS["web"].items() if name != "dns"}})
        alice.push("app")
        wait_for(lambda: zones_in_powerdns() == {DOMAIN}, lambda: f"his zone is removed: {zones_in_powerdns()}", 60)
        assert platform.dig(web["fqdn"]) == [web["address"]] and alice.instance("app")["boot"] == web["boot"]
