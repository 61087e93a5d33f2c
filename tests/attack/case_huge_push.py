"""A push beyond the quota is refused with a clear line; nothing of it stays, everybody else is served meanwhile."""
import os
import subprocess


def disk_use(folder):
    return int(subprocess.run(["du", "-sk", folder], capture_output=True, text=True).stdout.split()[0])


def run(world):
    alice = world.alice
    alice.make_repo("big", "scripted")
    before = disk_use(world.platform.state)
    with open(f"{alice.folder('big')}/random", "wb") as file:
        for _ in range(300):
            file.write(os.urandom(1 << 20))
    alice.git("config", "core.compression", "0", repo="big")
    alice.git("config", "core.bigFileThreshold", "1m", repo="big")
    alice.commit("big", "too much")
    result = alice.push("big", check=False, timeout=600)
    world.refused(result)
    assert any(word in result.stderr.lower() for word in ("limit", "quota", "large", "exceeds", "more than", "most", "big")), result.stderr
    assert disk_use(world.platform.state) - before < 64 * 1024, "the refused pack lies around"
    assert "refs/heads/main" not in alice.git("ls-remote", alice.url("big"), check=False).stdout
    os.remove(f"{alice.folder('big')}/random")
