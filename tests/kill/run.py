#!/usr/bin/env python3
"""Kills any process of the system with SIGKILL at a random moment of a push, a deployment, a restart or an upgrade, then checks that
everything converges: the pushed commit answers, no volume is lost, nothing is orphaned, and whoever was not to be changed keeps his
uptime.  One instance (`app`) is worked on; the other (`still`) is never touched: only the death of its own QEMU or supervisor excuses
a new boot of it.  In rounds without a push or restart the same holds for `app`.

    run.py --seed 1 --rounds 6              six rounds; the seed makes the same choices again
    run.py --seed 1 --replay 4              only round 4 of that seed
    run.py --seed 1 --first 105 --rounds 200    rounds 105 to 200
    run.py --rounds 200 --only seed-vm      always the same kind of process

Each round chooses by its own number, so a failing one can be replayed alone.
"""
import argparse
import os
import random
import signal
import subprocess
import sys
import time

import census
from seed_person import Person
from seed_platform import Platform, needs, wait_for

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
parser.add_argument("--rounds", type=int, default=6)
parser.add_argument("--first", type=int, default=1)
parser.add_argument("--replay", type=int)
parser.add_argument("--only", help="name of a program: seedd, seed-vm, qemu-system-x86_64, git ...")
options = parser.parse_args()
needs(root=True)

CONTENT = "content {number}"
SCRIPT = """echo "content {number}" > /run/www/index.html
[ -s /data/marker ] || head -c 12 /dev/urandom | base64 > /data/marker
sync; cp /data/marker /run/www/marker; echo ready
"""


class Killing:
    def __init__(self, platform):
        self.platform = platform
        self.person, self.bystander = Person(platform, "person"), Person(platform, "bystander")
        self.number = 0
        for who, repo in ((self.bystander, "still"), (self.person, "app")):
            who.make_repo(repo, "scripted", {"script.sh": SCRIPT.replace("{number}", "0")})
            who.push(repo)
            who.wait_ready(repo)
        self.marker = {repo: wait_for(lambda: self.page(who, repo, "marker"), f"{repo}'s volume has its marker", 60)
                       for who, repo in ((self.bystander, "still"), (self.person, "app"))}
        self.namespaces = {repo: who.flake(repo)["namespace"] for who, repo in ((self.bystander, "still"), (self.person, "app"))}
        self.still = self.state_of(self.bystander, "still")
        self.before = self.settled()

    def page(self, who, repo, path=""):
        return self.platform.get(who.instance(repo)["urls"][0] + path).strip()

    def state_of(self, who, repo):
        """The platform's and the guest's own idea of which boot this is."""
        return who.instance(repo)["boot"], self.page(who, repo, "boot")

    def settled(self):
        """The census once two of them, a second apart, are alike."""
        last = [None]

        def same():
            now = census.take(self.platform)
            alike, last[0] = now == last[0], now
            return now if alike else None
        return wait_for(same, "the system comes to rest", 120, pause=1.0)

    # One round -------------------------------------------------------------------------------------------------------------------
    def run_round(self, index):
        rng = random.Random(f"{options.seed}:{index}")
        action = rng.choice(["push", "push", "push", "push", "restart", "restart", "nothing", "upgrade"])
        delay = rng.choice([rng.uniform(0, 0.5), rng.uniform(0, 3), rng.uniform(0, 10)])
        if action == "push":
            self.number = index
            self.person.change("app", {"script.sh": SCRIPT.replace("{number}", str(index))}, f"round {index}")
            command = ["git", "-C", self.person.folder("app"), "push", "-q", self.person.url("app"), "HEAD:refs/heads/main"]
        elif action == "restart":
            command = self.person.ssh_command("restart", "app/scripted")
        else:
            command = ["true"]
            self.app = self.state_of(self.person, "app")
            if action == "upgrade":   # seedd ends in order; the next one is started below, its instances go on meanwhile
                self.platform.process.terminate()
        began = time.monotonic()
        client = subprocess.Popen(command, env=self.person.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        time.sleep(delay)   # the moment is the point of the test
        victim = self.choose(rng)
        told, touched = f"round {index}: {action}, ", set()
        if victim:
            pid, name = victim
            touched = self.machines_of(pid, name)
            os.kill(pid, signal.SIGKILL)
            told += f"SIGKILL to {name} ({pid}) after {delay:.3f} s"
        else:
            name = ""
            told += f"nothing to kill after {delay:.3f} s"
        print(told, flush=True)
        if name == "seedd" or action == "upgrade":
            self.platform.process.wait(120)
            self.platform.start()
        try:
            client.wait(300)
        finally:
            client.kill()
            client.wait()
        self.converge(action, touched)
        print(f"round {index}: converged {time.monotonic() - began:.1f} s after its begin", flush=True)

    def choose(self, rng):
        end = time.monotonic() + (10 if options.only else 0)
        while True:
            present = {}
            for pid, name in census.own_processes(self.platform):
                if options.only in (None, name):
                    present.setdefault(name, []).append(pid)
            if present:
                name = rng.choice(sorted(present))
                return rng.choice(present[name]), name
            if time.monotonic() >= end:
                return None
            time.sleep(0.002)

    def machines_of(self, pid, name):
        """Whose machine this process is: {"app"}, {"still"} or nobody's.  Only these processes may take a boot with them."""
        if name not in ("seed-vm", "qemu-system-x86_64"):
            return set()
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as text:
                command = text.read().decode(errors="replace")
            where = command + " ".join(os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
        except OSError:   # it ended by itself in this moment
            return set()
        return {repo for repo, namespace in self.namespaces.items() if namespace in where}

    def converge(self, action, touched):
        # The reference is the truth: a push whose connection was cut before the reference changed is pushed again, as a person would.
        if action == "push":
            def accepted():
                if self.person.git("ls-remote", self.person.url("app"), "refs/heads/main", timeout=120).stdout.startswith(self.person.head("app")):
                    return True
                self.person.push("app", timeout=300)
                return False
            wait_for(accepted, "the push arrives", 300, pause=1)
        wait_for(lambda: self.page(self.person, "app") == CONTENT.format(number=self.number), "the pushed content is served", 300, pause=0.5)
        self.person.wait_ready("app", deadline=120)
        # Asked again: a restart may be carried out after its client has gone, and a lost volume stays lost.
        wait_for(lambda: self.page(self.person, "app", "marker") == self.marker["app"], "app answers with its volume", 120, pause=0.5)

        wait_for(lambda: self.page(self.bystander, "still", "marker") == self.marker["still"], "the bystander answers with its volume", 240, pause=0.5)
        self.bystander.wait_ready("still", deadline=120)
        still = wait_for(lambda: self.state_of(self.bystander, "still"), "the bystander tells its boot", 60)
        assert still == self.still or "still" in touched, f"the instance that nobody touched was restarted: {self.still} became {still}"
        self.still = still
        if action in ("nothing", "upgrade") and "app" not in touched:
            app = wait_for(lambda: self.state_of(self.person, "app"), "app tells its boot", 60)
            assert app == self.app, f"app was restarted although nobody asked: {self.app} became {app}"

        wait_for(lambda: census.take(self.platform) == self.before, "nothing more and nothing less than before is there", 120, pause=0.5)
        wait_for(lambda: not census.unwanted(self.platform), lambda: f"nothing lies around: {census.unwanted(self.platform)}", 120, pause=0.5)
        for who, repo in ((self.person, "app"), (self.bystander, "still")):
            instance = who.instance(repo)
            assert self.platform.dig(instance["fqdn"]) == [instance["address"]], "the name is lost"


print(f"seed {options.seed}", flush=True)
began = time.monotonic()
with Platform(start=False) as platform:
    platform.stop_instances = False   # as a service: instances go on when seedd ends
    platform.start()
    killing = Killing(platform)
    for index in [options.replay] if options.replay is not None else range(options.first, options.rounds + 1):
        try:
            killing.run_round(index)
        except BaseException as error:
            print(f"round {index} of seed {options.seed} failed; again: tests/kill/run.py --seed {options.seed} --replay {index}", file=sys.stderr)
            try:
                print(f"what differs: {census.difference(killing.before, census.take(platform))}", file=sys.stderr)
            except Exception as trouble:
                print(f"no census: {trouble}", file=sys.stderr)
            raise error
    platform.process.terminate()
    platform.process.wait(120)
    platform.stop_instances = True
    platform.start()                  # and this one takes everything with it
print(f"all rounds of seed {options.seed} converged in {time.monotonic() - began:.0f} s")
