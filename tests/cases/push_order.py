#!/usr/bin/env python3
"""Two pushes to one branch whose news reach the platform in the other order: what the branch points to is deployed, whoever was overtaken is
told so.  The first push is frozen in the moment between the change of its branch and its report."""
import ctypes
import os
import select
import signal
import stat
import subprocess
import threading

import schemas
from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True)

libc = ctypes.CDLL(None, use_errno=True)
IN_MOVED_TO, IN_CLOEXEC = 0x80, 0o2000000


def receiver_of(repository):
    """The pid of the `git receive-pack` that serves a push to it."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                words = file.read().split("\0")
        except OSError:
            continue
        if "receive-pack" in words and any(word.startswith(repository) for word in words):
            return int(pid)
    return None


def freeze_when_moved(branch, pid, frozen):
    """Stops the push's processes as soon as the branch has its new value."""
    watch = libc.inotify_init1(IN_CLOEXEC)
    assert libc.inotify_add_watch(watch, os.path.dirname(branch).encode(), IN_MOVED_TO) >= 0
    frozen.watching.set()
    end = branch.rsplit("/", 1)[1].encode() + b"\0"
    while end not in (os.read(watch, 4096) if select.select([watch], [], [], 120)[0] else end):
        pass
    while os.path.exists(f"{bare}/HEAD.lock"):   # a moment: with the lock the next push could not change the branch
        pass
    os.killpg(os.getpgid(pid), signal.SIGSTOP)
    os.close(watch)
    frozen.set()


class Frozen(threading.Event):
    def __init__(self):
        super().__init__()
        self.watching = threading.Event()


def known(commit):
    return any(one.get("commit") == commit for one in schemas.each("events", alice.ssh("events", "app", "--json", "-n", "100000").stdout))


def push_frozen():
    """A push that is frozen between the change of its branch and its report: (its process, the group to thaw, its commit)."""
    hook, reached, go = f"{alice.folder('app')}/.git/hooks/pre-push", f"{platform.directory}/reached", f"{platform.directory}/go"
    for file in (reached, go):
        if os.path.exists(file):
            os.remove(file)
    with open(hook, "w") as file:
        file.write(f"#!/bin/sh\ntouch {reached}\nwhile [ ! -e {go} ]; do sleep 0.1; done\n")
    os.chmod(hook, stat.S_IRWXU)
    push = subprocess.Popen(["git", "push", alice.url("app"), "HEAD:refs/heads/main"], cwd=alice.folder("app"), env=alice.environment(),
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: os.path.exists(reached), "the push has begun", 60)
    os.remove(hook)
    pid = wait_for(lambda: receiver_of(bare), "git receives it", 60)
    frozen = Frozen()
    threading.Thread(target=freeze_when_moved, args=(f"{bare}/refs/heads/main", pid, frozen), daemon=True).start()
    frozen.watching.wait(60)
    with open(go, "w"):
        pass
    assert frozen.wait(120), "the branch has not moved"
    return push, os.getpgid(pid), alice.head("app")


with Platform() as platform:
    alice = Person(platform, "alice")
    alice.make_repo("app", "two", {"web.txt": "web zero\n", "api.txt": "api\n"})
    alice.push("app")
    url = alice.wait_ready("app", "web")["urls"][0]
    bare = wait_for(lambda: next((folder for folder, _, files in os.walk(f"{platform.state}") if "HEAD" in files and "/app" in folder), None), "its folder")
    for attempt in range(10):
        alice.change("app", {"web.txt": f"web early {attempt}\n"})
        early, group, first = push_frozen()
        if not known(first):
            break
        os.killpg(group, signal.SIGCONT)   # it was faster than we
        early.communicate(timeout=300)
    else:
        raise AssertionError("no push could be frozen before its report")
    assert alice.git("ls-remote", alice.url("app"), "refs/heads/main").stdout.startswith(first), "the branch has the first push already"

    alice.change("app", {"web.txt": "web late\n"})
    assert "deployed in" in alice.push("app").stderr
    assert platform.get(url) == "web late\n"
    second = alice.head("app")
    assert not known(first), "the first push was reported while it was frozen"
    boot = alice.instance("app", "web")["boot"]

    os.killpg(group, signal.SIGCONT)
    told = early.communicate(timeout=300)[1]
    assert early.returncode == 0 and f"superseded: a newer push of {second[:10]} took its place" in told, told
    assert known(first)
    assert alice.flake("app")["revision"]["commit"] == second and alice.ask("deployments", "app")["deployments"][0]["commit"] == second
    assert alice.instance("app", "web")["boot"] == boot and platform.get(url) == "web late\n", "the older commit was deployed last"

    # A start compares with the branch and finds nothing to do.
    platform.kill()
    platform.start()
    assert alice.wait_ready("app", "web")["boot"] == boot and alice.flake("app")["revision"]["commit"] == second
