#!/usr/bin/env python3
"""The disk becomes full exactly while a file is being written: a volume's file system, its description when it grows, the image of a closure, the
store that a build writes to.  The push is refused in a sentence that blames the disk, nothing half-made stays, what runs goes on; with
space again the same flake is deployed and what it serves is right.
"""
import glob
import hashlib
import os

import several
from seed_person import Person
from seed_platform import Platform, needs, wait_for
from small_disk import SmallDisk

needs(root=True, programs=["mkfs.ext4", "mkfs.erofs"])
MIB = 1 << 20
WEB = {"script": several.serve(80), "expose": {"http": 80}}
# 24 MiB that lie in the source, the store and the guest; what arrived there is told on a page.
BIG = b"".join(b"block %d\n" % number + b"x" * MIB for number in range(24))
TELLS = {"script": "sha256sum < $(command -v guest_tool) > /run/www/index.html; exec httpd -f -p '[::]:83' -h /run/www\n",
         "expose": {"rest": {"port": 83, "protocol": "http"}}}


def refused(*words, repo="app"):
    told = alice.push(repo, check=False)
    assert all(word in told.stderr for word in words), told.stderr
    assert "deployed in" not in told.stderr, told.stderr
    assert alice.instance("app", "web")["boot"] == boot and "it serves" in platform.get(url), "what ran was touched"


def accepted(repo="app"):
    alice.change(repo, {"again.txt": os.urandom(4).hex()})   # the refused commit is on the branch already
    told = alice.push(repo)
    assert "deployed in" in told.stderr, told.stderr
    assert alice.instance("app", "web")["boot"] == boot, "what ran was started again"


def half_made(folder):
    return [path for path in glob.glob(f"{folder}/**/.*", recursive=True) if ".new-" in path] + glob.glob(f"{folder}/**/*.new", recursive=True)


platform = Platform(start=False, settings="limits: { store_bytes: 400Mi }")
os.makedirs(platform.state)
os.chmod(platform.state, 0o711)
with SmallDisk(f"{platform.state}/storage", 60 * MIB) as volumes, SmallDisk(f"{platform.state}/images", 80 * MIB, "0755") as images, \
        SmallDisk(f"{platform.state}/build", 400 * MIB, "0700") as build:
    with platform:
        platform.start()
        alice = Person(platform, "alice")
        several.make(alice, "app", {"web": WEB})
        alice.push("app")
        web = alice.wait_ready("app", "web")
        boot, url = web["boot"], web["urls"][0]
        wait_for(lambda: alice.flake("app")["phase"] == "", "it has come to rest", 60)

        # A volume's file system.
        db = {"script": several.serve(81, "the database"), "expose": {"rest": {"port": 81, "protocol": "http"}}, "storage": {"data": "64Mi"}}
        several.change(alice, "app", {"web": WEB, "db": db})
        with volumes.full_when("mkfs.ext4") as moment:
            refused("is full", "add space")
        assert moment.came
        assert not half_made(volumes.folder) and not glob.glob(f"{volumes.folder}/**/*.img", recursive=True), "something stayed"
        volumes.empty()
        accepted()
        assert "the database" in platform.get(alice.wait_ready("app", "db")["urls"][0])

        # A volume that grows: its new size is in the file and in the description, or in neither.
        several.change(alice, "app", {"web": WEB, "db": {**db, "storage": {"data": "128Mi"}}})
        with volumes.full_when("seed-plugin-host") as moment:
            refused("is full", "add space")
        assert moment.came
        image = glob.glob(f"{volumes.folder}/**/data.img", recursive=True)[0]
        assert not half_made(volumes.folder)
        volumes.empty()
        accepted()
        assert os.path.getsize(image) == 128 * MIB
        assert "the database" in platform.get(alice.wait_ready("app", "db")["urls"][0])

        # The image of a closure.
        later = {"script": several.serve(82, "made later"), "expose": {"rest": {"port": 82, "protocol": "http"}}}
        several.change(alice, "app", {"web": WEB, "db": {**db, "storage": {"data": "128Mi"}}, "later": later})
        with images.full_when("mkfs.erofs") as moment:
            refused("disk is full", "what runs goes on")
        assert moment.came
        assert not half_made(images.folder), "a half-made image stayed"
        images.empty()
        accepted()
        assert "made later" in platform.get(alice.wait_ready("app", "later")["urls"][0])

        # The store of a namespace is a sparse file: what is written in it finds no room below it, which is noticed too late to be an error of
        # who wrote.  So nothing in it may be believed afterwards.
        several.make(alice, "big", {"big": TELLS})
        for leave in (12, 40, 64, 84):
            with open(f"{alice.folder('big')}/bb/guest_tool", "wb") as file:
                file.write(BIG + b"%d" % leave)
            alice.commit("big")
            build.empty()
            build.fill(leave=leave * MIB)
            refused("disk is full", "what runs goes on", repo="big")
        build.empty()
        accepted("big")
        digest = hashlib.sha256(BIG + b"%d" % leave).hexdigest()
        page = platform.get(alice.wait_ready("big", "big")["urls"][0])
        assert digest in page, page

        platform.stop()   # our own mounts are no leftovers of the platform
        for disk in (volumes, images, build):
            disk.unmount()
