#!/usr/bin/env python3
"""A backup that is made while people push restores on another machine what was deployed: same keys, owners, addresses and volumes; a
damaged or foreign archive changes nothing."""
import hashlib
import os
import shutil
import subprocess
import tarfile
import threading

import schemas
from seed_person import Person
from seed_platform import BUILD, Platform, needs, wait_for

needs(root=True, programs=["tar", "sha256sum"])


def seed(*words, platform, check=True, **how):
    result = subprocess.run([f"{BUILD}/bin/seed", "--socket", f"{platform.state}/seedd.sock", *words], capture_output=True,
                            stdin=how.pop("stdin", subprocess.DEVNULL), timeout=300, **how)
    if check:
        assert result.returncode == 0, result
    return result


def host_key(platform):
    with open(f"{platform.state}/core/ssh_host_ed25519_key.pub") as file:
        return file.read()


def full_disks(archive, platform, state):
    """A backup that finds no room leaves the one of yesterday; a restore that finds none leaves nothing.  Both say why."""
    small = f"{platform.directory}/small"
    os.makedirs(small)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "small", small], check=True)
    try:
        with open(f"{small}/seed.tar", "w") as yesterday:
            yesterday.write("of yesterday")
        failed = seed("backup", "--state", state, f"{small}/seed.tar", platform=platform, check=False)
        assert failed.returncode == 1 and b"No space left" in failed.stderr and len(failed.stderr.splitlines()) == 1, failed
        assert os.listdir(small) == ["seed.tar"] and open(f"{small}/seed.tar").read() == "of yesterday", os.listdir(small)
        failed = seed("restore", "--state", f"{small}/state", archive, platform=platform, check=False)
        assert failed.returncode == 1 and b"No space left" in failed.stderr and len(failed.stderr.splitlines()) == 1, failed
        assert set(os.listdir(f"{small}/state")) <= {"lock"}, os.listdir(f"{small}/state")
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def refused(archive, platform, *expected):
    """Not restored, with a reason on one line, and nothing was changed."""
    before = sorted(os.listdir(platform.state)) if os.path.exists(platform.state) else []
    result = seed("restore", archive, platform=platform, check=False)
    said = result.stderr.decode()
    assert result.returncode == 1 and len(said.strip().splitlines()) == 1 and any(word in said for word in expected), result
    assert set(os.listdir(platform.state)) <= {*before, "lock"}, os.listdir(platform.state)


with Platform() as first, Platform(start=False) as second:
    archive = f"{first.directory}/seed.tar"
    alice = Person(first, "alice")
    alice.make_repo("app", "hello")
    alice.push("app")
    hello, owner = alice.instance("app"), alice.flake("app")
    assert "Boot number 1" in first.get(hello["urls"][0], deadline=30)

    # Somebody pushes one commit after the other to a repository that deploys nothing new, while backups are made.
    bob, enough, pushes = Person(first, "bob"), threading.Event(), []
    bob.make_repo("busy", "hello")
    bob.push("busy", "-o", "nowait")

    def push_on():
        number = 0
        while not enough.is_set():
            number += 1
            bob.change("busy", {f"notes/{number}": f"{number}\n" * 2000})
            bob.git("tag", f"v{number}", repo="busy")
            bob.run(["git", "push", "-q", "-o", "nowait", bob.url("busy"), "HEAD:refs/heads/work", "--tags"], cwd=bob.folder("busy"), check=False)
            pushes.append(number)

    pusher = threading.Thread(target=push_on)
    pusher.start()
    try:
        for number in range(4):
            have = len(pushes)
            wait_for(lambda: len(pushes) > have, "another push", 60)
            saved = schemas.one("backup", seed("backup", "--json", f"{archive}.{number}", platform=first).stdout.decode())
            assert saved["repositories"] == 3 and saved["images"] >= 1 and saved["volumes"] == 0, saved
            folder = f"{first.directory}/look{number}"
            os.makedirs(folder)
            subprocess.run(["tar", "-C", folder, "-xf", f"{archive}.{number}"], check=True)
            subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)   # stock tools can read and check it
            for root, folders, _ in os.walk(f"{folder}/git"):
                for repository in [one for one in folders if one.endswith(".git")]:
                    checked = subprocess.run(["git", "-c", "safe.directory=*", "-C", f"{root}/{repository}", "fsck", "--full", "--strict"],
                                             capture_output=True, text=True)
                    assert checked.returncode == 0 and "missing" not in checked.stdout + checked.stderr, checked
    finally:
        enough.set()
        pusher.join()

    # Keys are in it: nobody else may read it.  A backup that fails leaves the older one as it was.
    assert os.stat(f"{archive}.0").st_mode & 0o777 == 0o600
    assert seed("backup", "--state", f"{first.directory}/nothing", f"{archive}.0", platform=first, check=False).returncode == 1
    assert os.path.getsize(f"{archive}.0") > 100000 and not os.path.exists(f"{archive}.0.part")
    refused(f"{archive}.0", first, "in use by a seedd")

    # The first machine ends; then everything with its volumes, through a pipe.
    first.stop()
    with open(archive, "wb") as out:
        saved = subprocess.run([f"{BUILD}/bin/seed", "backup", "--volumes", "--json", "--state", first.state, "-"], stdout=out, stderr=subprocess.PIPE, timeout=300)
    facts = schemas.one("backup", saved.stderr.decode())
    assert saved.returncode == 0 and facts["volumes"] >= 1 and facts["inconsistent"] == [], saved
    key, volume = host_key(first), hashlib.sha256(open(next(
        os.path.join(root, name) for root, _, names in os.walk(f"{first.state}/storage") for name in names if name.endswith(".img")), "rb").read()).hexdigest()

    full_disks(archive, second, first.state)

    # What is not exactly a whole backup is refused, and changes nothing.
    with open(archive, "rb") as file:
        whole = file.read()
    bad = f"{first.directory}/bad.tar"
    with tarfile.open(archive) as tar:      # of a file's content: between two files there are bytes that mean nothing
        middle = next(one.offset_data + one.size // 2 for one in tar if one.name.startswith("core/") and one.size > 1000)
    for what, content in {"cut in half": whole[:len(whole) // 2], "without its end": whole[:-12000],
                          "one bit": whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1:]}.items():
        with open(bad, "wb") as file:
            file.write(content)
        refused(bad, second, "damaged", "ends too early", "no backup", "which no backup")
    for member in (tarfile.TarInfo("../escaped"), tarfile.TarInfo("git/link"), tarfile.TarInfo("/etc/seed-escaped")):
        shutil.copy(archive, bad)
        if member.name == "git/link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc"
        with tarfile.open(bad, "w") as tar, tarfile.open(archive) as good:   # after the first entry, which must be the header
            tar.addfile(good.next(), good.extractfile(good.getmembers()[0]))
            tar.addfile(member)
        refused(bad, second, "no backup of ours has")
    assert not os.path.exists(f"{second.directory}/escaped") and not os.path.exists("/etc/seed-escaped")

    # Another machine: restored, started, and everything is as it was.
    with open(archive, "rb") as file:
        restored = schemas.one("restore", seed("restore", "--json", "-", platform=second, stdin=file).stderr.decode())
    assert restored["files"] == facts["files"] - 2, (restored, facts)   # the header and the sums are not of the platform
    assert host_key(second) == key
    refused(archive, second, "holds a platform already")
    copies = {hashlib.sha256(open(os.path.join(root, name), "rb").read()).hexdigest()
              for root, _, names in os.walk(f"{second.state}/storage") for name in names if name.endswith(".img")}
    assert volume in copies, "a volume came back changed"

    second.start()
    again = Person(second, "alice-there")
    shutil.copy(alice.key, again.key)
    shutil.copy(f"{alice.key}.pub", f"{again.key}.pub")
    instance = again.wait_ready("app")
    assert (instance["address"], again.flake("app")["namespace"]) == (hello["address"], owner["namespace"])
    wait_for(lambda: "Boot number 2" in second.get(again.instance("app")["urls"][0]), "the volume came along: this is its second boot", 90)
    assert second.dig(instance["fqdn"]) == [instance["address"]]
    log = second.log()
    assert "evaluating" not in log, "nothing is built again"

    # Whose it was, it is; nobody can take a repository over, and its owner goes on.
    mallory = Person(second, "mallory")
    mallory.make_repo("app", "hello")
    assert mallory.push("app", check=False).returncode != 0
    again.clone("app")
    assert again.head("app") == alice.head("app")
    again.change("app", {"flake.nix": lambda text: text.replace("Hello from instance", "Greetings from instance")})
    again.push("app")
    wait_for(lambda: "Greetings" in second.get(again.instance("app")["urls"][0]), "the change is deployed on the new machine", 120)

    # Interrupted restores are said, not served.
    second.stop()
    os.makedirs(f"{second.state}/.restoring")
    refusal = subprocess.run([f"{BUILD}/bin/seedd", "--embedded", second.state], capture_output=True, text=True, timeout=60)
    assert refusal.returncode == 1 and "run seed restore again" in refusal.stderr, refusal
    os.rmdir(f"{second.state}/.restoring")
