#!/usr/bin/env python3
"""What git over our SSH costs, as ratios to OpenSSH's sshd with git, within one run: both sides take turns, medians count.

    git.py [--rounds 5] [--cipher NAME] [--repositories 5000] [ls] [refs] [clone] [push] [many]

  ls     git ls-remote of a small repository: a login, a conversation, its end
  refs   clone of a repository with 20,000 refs
  clone  clone of 100 MB of incompressible files
  push   push of a pack of 100 MB that is ready on disk, into a new repository
  many   the same ls-remote with 5,000 repositories on the platform, against few; its start, `whoami` and a push there
sshd starts the login shell of root with its own start files: `ls` shows what a login costs there; keep it in mind for the others.
Both sides use the same cipher, check pushed objects (receive.fsckObjects) and write as durably.  Goals: clone and refs at most 1.0,
push at most 1.05, many at most 1.1.  They are printed, not enforced: machines differ.
"""
import argparse
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import time

from seed_person import Person
from seed_platform import Platform, needs, wait_for

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--cipher", default="aes128-gcm@openssh.com")
parser.add_argument("--repositories", type=int, default=5000)
parser.add_argument("parts", nargs="*", default=["ls", "refs", "clone", "push", "many"])
options = parser.parse_args()
needs(root=True, programs=["/usr/sbin/sshd"])


class Sshd:
    """OpenSSH's server with the person's key, bare repositories in a folder."""

    def __init__(self, folder, person):
        self.folder = folder
        os.makedirs(folder)
        os.makedirs("/run/sshd", exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/host"], check=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        with open(f"{folder}/config", "w") as config:
            config.write(f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {person.key}.pub\nPidFile none\n"
                         "UsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\nLogLevel ERROR\nAcceptEnv GIT_PROTOCOL\n")
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", f"{folder}/config"], stderr=subprocess.DEVNULL)
        wait_for(lambda: socket.create_connection(("127.0.0.1", self.port)).close() is None, "sshd listens", 20)

    def url(self, repo):
        return f"ssh://root@127.0.0.1:{self.port}{self.folder}/{repo}.git"

    def create(self, repo):
        path = f"{self.folder}/{repo}.git"
        shutil.rmtree(path, ignore_errors=True)
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True)
        for key, value in (("receive.fsckObjects", "true"), ("receive.autogc", "false"), ("core.fsync", "committed,reference,pack-metadata"),
                           ("receive.unpackLimit", "1"), ("pack.threads", "1")):
            subprocess.run(["git", "-C", path, "config", key, value], check=True)
        return path

    def close(self):
        self.process.terminate()
        self.process.wait()


class Side:
    def __init__(self, name):
        self.name, self.times = name, []

    def time(self, action):
        began = time.perf_counter()
        action()
        self.times.append(time.perf_counter() - began)

    def median(self):
        return statistics.median(self.times)


def compare(what, goal, ours_action, theirs_action, names=("seed", "sshd")):
    ours, theirs = Side(names[0]), Side(names[1])
    for number in range(options.rounds + 1):
        for side, action in ((ours, ours_action), (theirs, theirs_action))[:: 1 if number % 2 else -1]:
            side.time(action)
    for side in (ours, theirs):
        side.times.pop(0)      # the first warms the caches
        print(f"  {what:7} {side.name:5} median {side.median():7.3f} s   [{min(side.times):.3f} - {max(side.times):.3f}]  n={len(side.times)}")
    # The quickest of each is the least disturbed by whatever else runs on the machine.
    print(f"  {what:7} ratio {ours.median() / theirs.median():.2f}, of the quickest {min(ours.times) / min(theirs.times):.2f} (goal {goal})", flush=True)


with Platform() as platform:
    person = Person(platform, "person")
    sshd = Sshd(f"{platform.directory}/sshd", person)
    environment = person.environment()
    environment["GIT_SSH_COMMAND"] += f" -c {options.cipher}"

    def git(*arguments, cwd=None):
        result = subprocess.run(["git", *arguments], cwd=cwd or person.home, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr

    def fresh_clone(url):
        shutil.rmtree(f"{person.home}/clone", ignore_errors=True)
        git("clone", "-q", "--bare", url, f"{person.home}/clone")

    def silo(repo):
        return f"{platform.state}/git/repositories/{repo}.git"

    def prepare(repo, files, size):
        """A repository with one commit of incompressible files, in one pack; on both sides."""
        folder = person.folder(repo)
        os.makedirs(folder)
        for number in range(files):
            with open(f"{folder}/{number}", "wb") as file:
                file.write(os.urandom(size))
        git("init", "-q", cwd=folder)
        git("add", ".", cwd=folder)
        git("commit", "-q", "-m", "one", cwd=folder)
        git("-c", "pack.compression=0", "repack", "-adq", cwd=folder)
        git("push", "-q", "-o", "nowait", person.url(repo), "HEAD:refs/heads/main", cwd=folder)
        sshd.create(repo)
        git("push", "-q", sshd.url(repo), "HEAD:refs/heads/main", cwd=folder)
        return folder

    try:
        prepare("small", 1, 1000)
        if "ls" in options.parts:
            compare("ls", 1.2, lambda: git("ls-remote", person.url("small")), lambda: git("ls-remote", sshd.url("small")))
        if "refs" in options.parts:
            folder = prepare("refs", 1, 1000)
            head = person.head("refs")
            for bare in (silo("refs"), f"{sshd.folder}/refs.git"):
                with open(f"{bare}/packed-refs", "w") as packed:
                    packed.write("# pack-refs with: peeled fully-peeled sorted \n" + "".join(f"{head} refs/heads/b{n:05}\n" for n in range(20000)))
                subprocess.run(["chown", "--reference", bare, f"{bare}/packed-refs"], check=True)
            compare("refs", 1.0, lambda: fresh_clone(person.url("refs")), lambda: fresh_clone(sshd.url("refs")))
        if "clone" in options.parts or "push" in options.parts:
            folder = prepare("large", 100, 1 << 20)
        if "clone" in options.parts:
            compare("clone", 1.0, lambda: fresh_clone(person.url("large")), lambda: fresh_clone(sshd.url("large")))
        if "push" in options.parts:
            # A new branch of a repository that has nothing of it: everything is sent from the pack as it is.
            def push_ours():
                git("push", "-q", "-o", "nowait", person.url("target"), "HEAD:refs/heads/main", cwd=folder)

            def push_theirs():
                git("push", "-q", sshd.url("target"), "HEAD:refs/heads/main", cwd=folder)

            git("-C", person.folder("small"), "push", "-q", "-o", "nowait", person.url("target"), "HEAD:refs/heads/first")
            empty = f"{platform.directory}/empty"
            subprocess.run(["cp", "-a", silo("target"), empty], check=True)     # with its owner

            def reset():
                shutil.rmtree(silo("target"))
                subprocess.run(["cp", "-a", empty, silo("target")], check=True)
                sshd.create("target")
                git("-C", person.folder("small"), "push", "-q", sshd.url("target"), "HEAD:refs/heads/first")

            mine, other = Side("seed"), Side("sshd")
            for number in range(options.rounds):
                reset()
                for side, action in ((mine, push_ours), (other, push_theirs))[:: 1 if number % 2 else -1]:
                    side.time(action)
            for side in (mine, other):
                print(f"  push    {side.name:5} median {side.median():7.3f} s   [{min(side.times):.3f} - {max(side.times):.3f}]  n={len(side.times)}")
            print(f"  push    ratio {mine.median() / other.median():.2f}, of the quickest {min(mine.times) / min(other.times):.2f} (goal 1.05)", flush=True)
        if "many" in options.parts:
            few = Side("few")
            for _ in range(options.rounds + 1):
                few.time(lambda: git("ls-remote", person.url("small")))
            platform.stop()
            # Copies of the small one, as if 5,000 people had pushed it and its evaluation had failed.
            with sqlite3.connect(f"{platform.state}/core/seed.sqlite3") as store:
                (commit,) = store.execute("SELECT commit_id FROM revisions WHERE repository = 'small'").fetchone()
                for number in range(options.repositories):
                    name = f"copy{number:05}"
                    subprocess.run(["cp", "-a", silo("small"), silo(name)], check=True)
                    store.execute("INSERT INTO flakes (repository, owner, cid, ns, identity_key, created_ms) SELECT ?, 'ssh-ed25519 ' || ?, cid || ?, ns || ?, identity_key, created_ms FROM flakes WHERE repository = 'small'",
                                  (name, name, number, f"{number:05}"))
                    store.execute("INSERT INTO revisions (repository, commit_id, tree, pushed_by, state, stage, message, created_ms, finished_ms, generation, timings) "
                                  "SELECT ?, commit_id, tree, pushed_by, 'failed', 'evaluating', '', created_ms, finished_ms, generation, timings FROM revisions "
                                  "WHERE repository = 'small' LIMIT 1", (name,))
            store.close()
            began = time.perf_counter()
            platform.start(deadline=600)
            print(f"  many    start with {options.repositories} repositories: {time.perf_counter() - began:.1f} s")
            many = Side("many")
            for _ in range(options.rounds + 1):
                many.time(lambda: git("ls-remote", person.url("copy00001")))
            few.times.pop(0), many.times.pop(0)
            print(f"  many    ls-remote: few {few.median():.3f} s, many {many.median():.3f} s, ratio {many.median() / few.median():.2f} (goal 1.1)")
            for what in ("first", "second"):
                began = time.perf_counter()
                person.ssh("whoami")
                print(f"  many    {what} whoami: {time.perf_counter() - began:.3f} s", flush=True)
            platform.stop()   # whose keys may push where is known from the life before
            platform.start(deadline=600)
            began = time.perf_counter()
            person.ssh("whoami")
            print(f"  many    first whoami after another start: {time.perf_counter() - began:.3f} s", flush=True)
            began = time.perf_counter()
            person.change("small", {"more": "x"})
            git("push", "-q", "-o", "nowait", person.url("small"), "HEAD:refs/heads/main", cwd=person.folder("small"))
            print(f"  many    a push: {time.perf_counter() - began:.3f} s", flush=True)
    finally:
        sshd.close()
