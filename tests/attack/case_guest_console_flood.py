"""A guest that floods its console harms only itself: its log stays bounded, others are served."""
import os

from seed_platform import wait_for


def tree_bytes(folder):
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
            except OSError:
                pass
    return total


def run(world):
    before = tree_bytes(world.platform.state)
    world.hostile_guest("yes $(head -c 900 /dev/urandom | base64 | tr -d '\\n') | timeout 25 cat > /dev/console; "
                        "head -c 3000000 /dev/urandom > /dev/console; head -c 5000000 /dev/zero | tr '\\0' x > /dev/console; echo done", deadline=240)
    assert tree_bytes(world.platform.state) - before < 200 << 20, "the flood fills the disk"
    logs = wait_for(lambda: world.alice.ssh("logs", "attacker/scripted", timeout=120), "the flooded log can still be read", 240)
    assert len(logs.stdout) < 20 << 20
    assert not any(ord(c) < 32 and c not in "\n\t" for c in logs.stdout), "control characters reach the reader's terminal"
