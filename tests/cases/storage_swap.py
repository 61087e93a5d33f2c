#!/usr/bin/env python3
"""The hoster names another storage provider for new volumes: old ones stay with the one that has them, are mounted, listed and deleted there, also
when the configuration forgets it; what would happen is told before; a change that would lose volumes is refused."""
import glob
import json
import os
import subprocess

import schemas
import several
from seed_person import Person
from seed_platform import BUILD, Platform, needs, wait_for

needs(root=True)
KEEPS = "cat /data/seen 2>/dev/null > /run/www/index.html; echo seen >> /data/seen; sync; exec httpd -f -p '[::]:80' -h /run/www\n"
OLD = {"web": {"script": KEEPS, "expose": {"http": 80}, "storage": {"old": {"size": "8Mi", "mountPoint": "/data"}}}}
NEW = {"api": {"script": KEEPS, "expose": {"http": 80}, "storage": {"new": {"size": "8Mi", "mountPoint": "/data"}}}}

platform = Platform(start=False)
platform.config, platform.stop_instances = f"{platform.directory}/seed.yaml", False
here, there, elsewhere = (f"{platform.directory}/disks/{name}" for name in ("here", "there", "elsewhere"))


def configure(*paths, plugin="storage-localpath"):
    chosen = [{"plugin": plugin, "config": {"path": path}} for path in paths]
    with open(platform.config, "w") as file:   # JSON is YAML
        json.dump({"platform": {"domain": "seed.localhost", "state": platform.state}, "listen": {"ssh": "127.0.0.1:0", "http": "127.0.0.1:0"}, "admission": "open",
                   "providers": {"runtime": {"plugin": "runtime-qemu", "config": {"loopback_ports": "20000-29999"}}, "git": {"plugin": "git-silo"},
                                 "dns": {"plugin": "dns-powerdns", "config": {"managed": True}}, "storage": chosen if len(chosen) > 1 else chosen[0]}}, file)


def images(folder):
    return [os.path.basename(path) for path in glob.glob(f"{folder}/**/*.img", recursive=True)]


def plan():
    result = subprocess.run([f"{BUILD}/bin/seed", "--state", platform.state, "plan", "--providers", "--json"], capture_output=True, text=True, check=True)
    return schemas.one("plan-providers", result.stdout)


def again():
    platform.kill()
    platform.start()


configure(here)
platform.start()
with platform:
    alice = Person(platform, "alice")
    several.make(alice, "app", OLD)
    alice.push("app")
    first = alice.wait_ready("app", "web")
    assert images(here) == ["old.img"]
    assert not plan()["changes"] and "nothing would move" in plan()["lines"][-1]

    # What would happen is told, then it does; nobody restarts.
    configure(there, here)
    told = plan()
    assert [(one["kind"], one["to"]) for one in told["moves"]] == [("storage", "storage-localpath")] and len(told["moves"][0]["volumes"]) == 1, told
    assert any("stay with storage-localpath" in line and "/web/old" in line for line in told["lines"]), told
    refused = alice.ssh("plan", "--providers", check=False)
    assert refused.returncode == 4, refused
    again()
    assert alice.wait_ready("app", "web")["boot"] == first["boot"], "changing the storage provider restarted the instance"
    several.change(alice, "app", {**OLD, **NEW})
    planned = alice.push("app", "-o", "plan", check=False).stderr
    assert f"volume web/old stays with storage-localpath ({here})" in planned and f"volume api/new will be made by storage-localpath ({there})" in planned, planned
    alice.push("app")
    alice.wait_ready("app", "api")
    assert images(here) == ["old.img"] and images(there) == ["new.img"]
    assert sorted(one["name"] for one in alice.ask("volumes")["volumes"]) == ["app/api/new", "app/web/old"]

    # The next boot has the old volume with what is in it, although the configuration no longer names where it is.
    configure(there)
    again()
    assert "1 volumes stay with storage-localpath (storage)" in platform.log(), platform.log()[-2000:]
    alice.ssh("restart", "app/web")
    wait_for(lambda: alice.instance("app", "web")["boot"] != first["boot"] and alice.instance("app", "web")["state"] == "ready", "a new boot", 120)
    assert platform.get(alice.instance("app", "web")["urls"][0], deadline=30) == "seen\n"
    assert images(here) == ["old.img"] and images(there) == ["new.img"]

    # Two holders of one plugin: a changed configuration that finds none of the volumes would make them again, empty.
    platform.kill()
    configure(elsewhere)
    try:
        platform.start()
        raise AssertionError("seedd started although volumes would be lost")
    except AssertionError as error:
        assert "no longer has the volumes" in str(error) and "name both configurations" in str(error), error
    assert images(here) == ["old.img"] and images(there) == ["new.img"] and images(elsewhere) == []
    configure(there)
    platform.start()

    # Deleted where it is; a provider without volumes is forgotten.
    several.change(alice, "app", NEW)
    alice.push("app")
    wait_for(lambda: alice.ssh("volumes", "delete", "app/web/old", "--yes", "app/web/old", check=False).returncode == 0, "the volume can be deleted", 60)
    assert images(here) == [] and images(there) == ["new.img"]
    again()
    assert "it is forgotten" in platform.log()
    wait_for(lambda: alice.instance("app", "api")["state"] == "ready", "the other instance goes on", 60)
    platform.stop()
    platform.stop_instances = True
    platform.start()
