"""Counts what a platform has on the machine, so that "nothing more and nothing less than before" can be checked."""
import collections
import glob
import os
import re
import sqlite3
import subprocess

import leftovers


def own_processes(platform):
    """[(pid, program)] of the platform alone: without the git and ssh that the test itself runs."""
    table, mine = leftovers.parents(), set()
    seedd = platform.process.pid if platform.process else None
    grown = {os.getpid()}
    while grown:   # downwards from the test, not through seedd
        mine |= grown
        grown = {pid for pid, parent in table.items() if parent in mine and pid != seedd and pid not in mine}
    return [(pid, name) for pid, name in platform.processes() if pid not in mine]


def inside_network(platform, *command):
    """Output of a command in the platform's network namespace; empty when there is none."""
    for pid, name in own_processes(platform):
        if name == "seed-net":
            result = subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", *command], capture_output=True, text=True)
            if result.returncode == 0:
                return result.stdout
    return ""


def taps(platform):
    return sorted(re.findall(r"^\d+: ([^:@]+)", inside_network(platform, "ip", "-o", "link", "show", "type", "tun"), re.M))


def records(platform):
    """The AAAA records the DNS server has, as "name address"."""
    found = set()
    for file in glob.glob(f"{platform.state}/**/*.sqlite*", recursive=True) + glob.glob(f"{platform.state}/**/*.db", recursive=True):
        try:
            with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10) as database:
                if database.execute("select 1 from sqlite_master where name = 'records'").fetchone():
                    found |= {f"{name} {content}" for name, content in database.execute("select name, content from records where type = 'AAAA'")}
        except sqlite3.Error:
            pass
    return sorted(found)


def images(platform):
    return sorted(os.path.basename(file) for file in glob.glob(f"{platform.state}/images/*"))


def volume_files(platform):
    return sorted(file for file in glob.glob(f"{platform.state}/storage/**", recursive=True) if os.path.isfile(file) and ".new" not in file)


def gc_roots(platform):
    """The names of the GC roots in each namespace's store (the store's image is read, not mounted)."""
    found = []
    for image in glob.glob(f"{platform.state}/build/**/*.img", recursive=True) + glob.glob(f"{platform.state}/build/**/*.ext4", recursive=True):
        listed = subprocess.run(["debugfs", "-R", "ls -p /nix/var/nix/gcroots/seed", image], capture_output=True, text=True)
        found += [f"{os.path.basename(os.path.dirname(image))}/{line.split('/')[5]}" for line in listed.stdout.splitlines()
                  if line.count("/") > 5 and line.split("/")[5] not in (".", "..")]
    return sorted(found)


def take(platform):
    """What must be the same before and after, once everything has settled."""
    return {
        "processes": dict(sorted(collections.Counter(name for _, name in own_processes(platform)).items())),
        "taps": len(taps(platform)),
        "records": records(platform),
        "control groups": len(leftovers.cgroups(platform.owner)),
        "mounts": len(leftovers.mounts(platform.directory)),
        "loop devices": len(leftovers.loops(platform.directory)),
        "volumes": volume_files(platform),
    }


def difference(before, after):
    return "; ".join(f"{what}: {before[what]} became {after[what]}" for what in before if before[what] != after[what])
