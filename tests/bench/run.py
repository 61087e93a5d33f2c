#!/usr/bin/env python3
"""What the platform costs, as ratios within one run: both sides of a comparison take turns, the median of each counts.

    run.py [--rounds 7] [deploy] [readme] [memory]

  deploy    push of a changed flake until the new instance answers HTTP, against `nix build` and a bare QEMU boot of the same closure
            (the making of the bare machine's image is not counted against it)
  readme    push of a commit that changes no instance, against the same push to a bare repository on disk
  memory    proportional memory of all processes but QEMU and pdns_server
Goals: deploy at most 1.25, readme under 0.5 s, memory under 60 MB.  They are printed, not enforced: machines differ.
"""
import argparse
import os
import shutil
import statistics
import struct
import subprocess
import threading
import time

import census
from bare_boot import BareMachine, BareNix, boot_files
from seed_person import Person
from seed_platform import Platform, needs, wait_for

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("parts", nargs="*", default=["deploy", "readme", "memory"])
options = parser.parse_args()
needs(root=True)
boot_files()


def timed(action):
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def tell(what, times):
    print(f"  {what:44} median {statistics.median(times):7.3f} s   [{min(times):.3f} - {max(times):.3f}]  n={len(times)}", flush=True)
    return statistics.median(times)


def greeting(number):
    return lambda text: text.replace("Hello from instance", f"Hello number {number} from instance") if number == 0 else \
        text.replace(f"Hello number {number - 1} from", f"Hello number {number} from")


def push_until_answered(person, url, number):
    """Until the page of the new instance comes, while git still waits for the platform's report."""
    push = threading.Thread(target=person.push, args=("app",))
    push.start()
    end = time.monotonic() + 300
    while time.monotonic() < end:
        try:
            if f"Hello number {number} " in Platform.get(url, timeout=0.3):
                break
        except OSError:
            pass
        time.sleep(0.005)
    else:
        raise AssertionError("the pushed change does not answer")
    moment = time.perf_counter()
    push.join()
    return moment


def bare_deploy(nix, folder, number):
    built = []
    seconds = timed(lambda: built.append(nix.build(folder, "seeds.hello.toplevel")))
    image = f"{nix.folder}/{number}.erofs"
    nix.image(built[0], image)
    machine = BareMachine(image, f"{built[0]}/init", f"{nix.folder}/console.log")
    try:
        return seconds + machine.wait_http()
    finally:
        machine.close()
        os.remove(image)


def proportional_memory(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024


def frames(pid):
    """The physical pages that a process has mapped."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/pagemap", "rb", 0) as pages:
        for line in maps:
            first, end = (int(address, 16) for address in line.split()[0].split("-"))
            if "[vsyscall]" in line:
                continue
            pages.seek(first // 4096 * 8)
            found |= {entry & ((1 << 55) - 1) for (entry,) in struct.iter_unpack("<Q", pages.read((end - first) // 4096 * 8)) if entry >> 63}
    return found


def measure_deploy(platform, person, url):
    nix = BareNix(f"{platform.directory}/bare")
    nix.build(person.folder("app"), "seeds.hello.toplevel")      # both begin with busybox in their store
    ours, bare = [], []
    for number in range(options.rounds):
        person.change("app", {"flake.nix": greeting(number)}, f"greeting {number}")
        source = f"{platform.directory}/bare-source"
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(person.folder("app"), source, ignore=shutil.ignore_patterns(".git"))
        began = time.perf_counter()
        ours.append(push_until_answered(person, url, number) - began)
        bare.append(bare_deploy(nix, source, number))
    deploy = tell("git push to HTTP 200", ours) / tell("nix build and a bare boot", bare)
    print(f"  ratio {deploy:.2f} (goal 1.25)")


def measure_readme(person):
    boot = person.instance("app")["boot"]
    person.git("init", "-q", "--bare", "on-disk.git")
    ours, bare = [], []
    for number in range(options.rounds):
        person.change("app", {"README.md": f"# words {number}\n"}, f"words {number}")
        ours.append(timed(lambda: person.push("app")))
        bare.append(timed(lambda: person.push("app", url=f"{person.home}/on-disk.git")))
    assert person.instance("app")["boot"] == boot, "a README restarted the instance"
    readme = tell("git push of a README", ours)
    print(f"  ratio {readme / tell('the same to a repository on disk', bare):.2f}; {readme:.3f} s (goal 0.5)")


def measure_memory(platform):
    wait_for(lambda: not any(name in ("seed-session", "seed-nix-box", "git") for _, name in census.own_processes(platform)), "all is quiet", 60)
    total, machines, pages = 0.0, 0.0, set()
    for pid, name in census.own_processes(platform):
        if name in ("pdns_server",) or name.startswith("qemu-system"):
            continue
        memory = proportional_memory(pid)
        print(f"  {name + ' ' + census.command_line(pid)[2] if name == 'seed-plugin-host' else name:44} {memory:6.1f} MB")
        if name == "seed-vm":
            machines += memory
        total += memory
        pages |= frames(pid)
    print(f"  sum {total:.1f} MB, of it {machines:.1f} MB for one machine's supervisor (goal 60)")
    print(f"  {len(pages) / 256:.1f} MB of different pages: what it is when nobody else uses the same libraries")


with Platform() as platform:
    person = Person(platform, "person")
    person.make_repo("app", "hello")
    person.push("app")
    url = person.wait_ready("app")["urls"][0]
    for name, measure in (("deploy", lambda: measure_deploy(platform, person, url)), ("readme", lambda: measure_readme(person)),
                          ("memory", lambda: measure_memory(platform))):
        if name in options.parts:
            print(name, flush=True)
            measure()
