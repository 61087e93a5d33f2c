#!/usr/bin/env python3
"""Full and damaged disks: a guest with a full volume goes on and status says so; when the host's disk under the volumes is full a machine
halts in its write and goes on when there is space, with nothing lost; a damaged file system is told and never touched by the host."""
import hashlib
import os
import subprocess
import urllib.parse

import several
from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True)

# /cgi-bin/run?COMMAND runs a command in the guest.
SCRIPT = """
mkdir -p /run/www/cgi-bin
printf '#!%s/sh\\necho\\nexec 2>&1\\neval "$(httpd -d "$QUERY_STRING")"\\n' "$PATH" > /run/www/cgi-bin/run
chmod 755 /run/www/cgi-bin/run
exec httpd -f -p '[::]:80' -h /run/www
"""
MIB = 1 << 20


def seeds(**more):
    return {"db": {"script": SCRIPT, "expose": {"http": 80}, "storage": {"small": "8Mi", "big": {"size": "64Mi", "mountPoint": "/big"}}},
            "other": {"script": several.serve(81), "expose": {"rest": {"port": 81, "protocol": "http"}}}, **more}


def inside(command, timeout=60):
    url = alice.instance("app", "db")["urls"][0] + "cgi-bin/run?" + urllib.parse.quote(command)
    return platform.get(url, timeout=timeout)


def reason():
    return alice.instance("app", "db")["reason"]


platform = Platform(start=False)
disk = f"{platform.state}/storage"   # of the provider storage-localpath
os.makedirs(disk)
os.chmod(platform.state, 0o711)
subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={40 * MIB},mode=0711", "seed-test-volumes", disk], check=True)
try:
    with platform:
        platform.start()
        alice = Person(platform, "alice")
        several.make(alice, "app", seeds())
        alice.push("app")
        boot = alice.wait_ready("app", "db")["boot"]
        alice.wait_ready("app", "other")

        # The guest's own volume.
        text = inside("cd /seed/storage/small; dd if=/dev/urandom of=fill bs=64k; sync; df -k .")
        assert "No space left" in text, text
        wait_for(lambda: "volume small (at /seed/storage/small) is full" in reason(), "status says that the volume is full", 60)
        assert "seed.storage" in alice.ssh("status", "app").stdout
        inside("rm /seed/storage/small/fill; sync")
        wait_for(lambda: reason() == "", "status is quiet again", 60)

        # The host's disk: the write waits, and with it the machine; its neighbour goes on.
        inside("(dd if=/dev/urandom of=/big/fill bs=1M count=48; sync; sha256sum /big/fill; echo written) > /run/www/written.txt 2>&1 &")
        wait_for(lambda: "disk that holds its volumes is full" in reason(), "status says that the host's disk is full", 120)
        assert alice.instance("app", "db")["boot"] == boot
        other = alice.instance("app", "other")
        assert "it serves" in platform.get(other["urls"][0], deadline=30)
        several.change(alice, "app", seeds(third={"script": SCRIPT, "storage": {"more": "64Mi"}}))
        pushed = alice.push("app", check=False)
        assert "is full" in pushed.stderr and "add space" in pushed.stderr, pushed.stderr
        several.change(alice, "app", seeds())
        subprocess.run(["mount", "-o", f"remount,size={200 * MIB}", disk], check=True)
        wait_for(lambda: reason() == "", "it goes on", 120)
        db = alice.instance("app", "db")["urls"][0]
        text = wait_for(lambda: (lambda page: page if "written\n" in page else None)(platform.get(db + "written.txt")), "the write is complete", 120)
        assert "No space left" not in text and "error" not in text.lower(), text
        assert inside("sha256sum /big/fill").split()[0] == next(line for line in text.splitlines() if "/big/fill" in line).split()[0]
        assert alice.instance("app", "db")["boot"] == boot, "the machine was started again"
        alice.push("app")

        # A damaged file system: the machine cannot start and says which volume; the host leaves every byte as it is.
        alice.ssh("stop", "app/db")
        wait_for(lambda: alice.instance("app", "db")["state"] == "stopped", "it is stopped", 60)
        image = f"{disk}/volumes/{alice.flake('app')['namespace']}/db/big.img"
        with open(image, "r+b") as file:
            file.write(os.urandom(256 * 1024))

        def digest():
            with open(image, "rb") as file:
                return hashlib.sha256(file.read()).hexdigest()
        before = digest()
        alice.ssh("start", "app/db")

        def told():
            flake = alice.flake("app")
            return "file system of the volume at /big is damaged" in flake["trouble"] + reason()
        wait_for(told, "status says which file system is damaged", 120, pause=0.3)
        assert digest() == before, "the host wrote into a damaged file system"
        alice.ssh("stop", "app/db")
        wait_for(lambda: alice.instance("app", "db")["state"] == "stopped", "it rests", 60)

        platform.stop()   # our own mount is no leftover of the platform
        subprocess.run(["umount", disk], check=True)
finally:
    subprocess.run(["umount", "-l", disk], check=False, stderr=subprocess.DEVNULL)
