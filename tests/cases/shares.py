#!/usr/bin/env python3
"""What the platform keeps for itself and gives to each: half of a contended processor stays for the control plane, however many evaluations
and machines spin; and a repository's own evaluation time ends its evaluation, not another's."""
import glob
import os
import subprocess

from endless import ENDLESS
from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True, programs=["taskset"])

SETTINGS = """
limits: { parallel_builds: 5, evaluation_seconds: 600 }
quotas: { default: { builds: 5, evaluation_seconds: 600 }, repositories: { short: { evaluation_seconds: 2 } } }
"""


def ticks(pid):
    """Processor time of a process, in hundredths of a second; 0 when it has gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def groups_of(pid):
    """The folders of a process's groups: where its processor shares and its limits are decided."""
    found = []
    with open(f"/proc/{pid}/cgroup") as file:
        for line in file.read().splitlines():
            number, controllers, path = line.split(":", 2)
            if "cpu" in controllers.split(","):
                found += glob.glob(f"/sys/fs/cgroup/*cpu*{path}") + glob.glob(f"/sys/fs/cgroup/cpu{path}")
            if number == "0":
                found += [folder + path for folder in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if os.path.exists(f"{folder}{path}/cpu.weight")]
    return [folder for folder in dict.fromkeys(os.path.realpath(one) for one in found) if os.path.exists(f"{folder}/cgroup.procs")]


def spinning():
    """The processes of the evaluations that use a processor."""
    return [pid for pid, name in platform.processes("nix") if ticks(pid) > 50]


def pin(pid):
    subprocess.run(["taskset", "-a", "-p", "-c", "0", str(pid)], capture_output=True)


def push(person, name):
    person.make_repo(name, "two", {"flake.nix": ENDLESS + f"# {name}\n", "web.txt": "", "api.txt": ""})
    return subprocess.Popen(["git", "push", person.url(name), "HEAD:refs/heads/main"], cwd=person.folder(name), env=person.environment(),
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


with Platform(settings=SETTINGS) as platform:
    mallory = Person(platform, "mallory")
    pushes = [push(mallory, name) for name in ("one", "two", "three", "four")]
    for name in ("one", "two", "three", "four"):
        wait_for(lambda: mallory.flake(name)["phase"] == "evaluating", f"{name} is being evaluated", 120)

    # His fifth repository has two seconds, and these end it alone.
    told = push(mallory, "short").communicate(timeout=300)[1]
    assert "FAILED while evaluating" in told and "2 s" in told, told
    assert [mallory.flake(name)["phase"] for name in ("one", "two", "three", "four")] == ["evaluating"] * 4, "another's time was taken"

    # A process of the control plane's group, and four evaluations, on one processor.  Of what they get together, however much others on
    # this machine take, about half is its own; without groups it would be a fifth.
    evaluations = wait_for(lambda: spinning() if len(spinning()) >= 4 else None, "four evaluations spin", 120)
    mine = groups_of(platform.process.pid)
    assert mine and not set(mine) & {folder for pid in evaluations for folder in groups_of(pid)}, "evaluations run in the control plane's group"
    spinner = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    try:
        for folder in mine:
            with open(f"{folder}/cgroup.procs", "w") as file:
                file.write(str(spinner.pid))
        for pid in [spinner.pid, *evaluations]:
            pin(pid)
        began = ticks(spinner.pid), sum(map(ticks, evaluations))
        wait_for(lambda: ticks(spinner.pid) - began[0] + sum(map(ticks, evaluations)) - began[1] > 800, "eight seconds were shared", 300, pause=0.2)
        own, theirs = ticks(spinner.pid) - began[0], sum(map(ticks, evaluations)) - began[1]
    finally:
        spinner.kill()
        spinner.wait()
    print(f"the control plane had {own / (own + theirs):.0%} of a processor that four evaluations wanted, too")
    assert own / (own + theirs) > 0.3, (own, theirs)
    for one in pushes:
        one.kill()
        one.wait()
