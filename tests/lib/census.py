"""Counts what a platform has on the machine, so that "nothing more and nothing less than before" can be checked."""
import collections
import glob
import json
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


def kept(platform, generations=3):
    """What the database wants kept of each flake's newest generations: (image keys, source trees by namespace)."""
    keys, trees = set(), {}
    with sqlite3.connect(f"file:{platform.state}/core/seed.sqlite3?mode=ro", uri=True, timeout=10) as database:
        for repository, namespace in database.execute("select repository, ns from flakes"):
            rows = database.execute("select g.instances, r.tree from generations g join revisions r on r.id = g.revision where g.repository = ? "
                                    "order by g.number desc limit ?", (repository, generations)).fetchall()
            last = database.execute("select tree from revisions where repository = ? order by id desc limit 1", (repository,)).fetchone()
            trees[namespace] = {tree for _, tree in rows} | ({last[0]} if last else set())
            for instances, _ in rows:
                keys |= {spec["image"] for spec in json.loads(instances).values()}
    return keys, trees


def unwanted(platform):
    """Images, GC roots, sources and half-made files that belong to nothing any more, as lines."""
    keys, trees = kept(platform)
    found = [f"image {file}" for file in images(platform) if file.removesuffix(".erofs") not in keys]
    found += [f"image held by the runtime {key}" for key in os.listdir(f"{platform.state}/runtime/images") if key not in keys]
    for root in gc_roots(platform):
        namespace, name = root.split("/", 1)
        if name.removeprefix("t").rsplit("-", 1)[0].split("-")[0] not in trees.get(namespace, ()):
            found.append(f"GC root {root}")
    for note in glob.glob(f"{platform.state}/build/*/trees/*"):
        if os.path.basename(note) not in trees.get(note.split("/")[-3], ()):
            found.append(f"source {note}")
    half_made = ("runtime/trash/*", "images/.new-*", "storage/volumes/**/.new-*", "git/repositories/*/objects/**/incoming-*",
                 "git/repositories/*/objects/**/tmp_*", "git/repositories/**/*.lock", "build/*/uncollected", "runtime/images/.*")
    for pattern in half_made:
        found += [f"half-made {file}" for file in glob.glob(f"{platform.state}/{pattern}", recursive=True, include_hidden=True)]
    with_machine = {f"{boot}" for boot in os.listdir(f"{platform.state}/runtime/vms")}
    running = {word for pid, name in own_processes(platform) if name == "seed-vm" for word in command_line(pid)}
    found += [f"machine folder {boot}" for boot in with_machine if f"{platform.state}/runtime/vms/{boot}" not in running]
    return found


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return file.read().split("\0")
    except OSError:
        return []


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
