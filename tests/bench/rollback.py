#!/usr/bin/env python3
"""How long a rollback takes until the older generation answers, against a bare QEMU boot of the same closure; by turns, medians count.

    rollback.py [--rounds 7]

  recreate  with a volume: the machine that runs is asked to end first, then the older one boots.  The end of the old one is measured,
            too: the page that stops answering
  rolling   the older one boots beside the one that runs, and takes over
Both from `ssh ... rollback` until the page has the older text.  Goal: at most the bare boot and 0.3 s.  Printed, not enforced.
"""
import argparse
import statistics
import threading
import time

from bare_boot import BareMachine, BareNix, boot_files
from seed_person import Person
from seed_platform import Platform, needs

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rounds", type=int, default=7)
options = parser.parse_args()
needs(root=True)
boot_files()

MEMORY = 512    # of size "xs", on both sides


def tell(what, times):
    print(f"  {what:44} median {statistics.median(times):7.3f} s   [{min(times):.3f} - {max(times):.3f}]  n={len(times)}", flush=True)
    return statistics.median(times), min(times)


def greeting(number):
    return lambda text: text.replace(f"Hello number {number - 1} from" if number else "Hello from", f"Hello number {number} from")


def rolling(text):
    return text.replace('storage = { data = "64Mi"; };', "").replace('rollout = "recreate"', 'rollout = "rolling"')


def bare_boot(image, init, folder):
    machine = BareMachine(image, init, f"{folder}/console.log", memory=MEMORY)
    try:
        return machine.wait_http()
    finally:
        machine.close()


def roll_back(person, repository, url, awaited):
    """(seconds until the page of the other generation came, until the page that was there had gone)."""
    command = threading.Thread(target=person.ssh, args=("rollback", repository))
    began = time.perf_counter()
    command.start()
    gone = 0.0
    while time.perf_counter() - began < 300:
        try:
            if f"Hello number {awaited} " in Platform.get(url, timeout=0.3):
                break
        except OSError:
            gone = gone or time.perf_counter() - began
        time.sleep(0.04)   # an emulated guest that is asked without a pause takes a processor from the one that boots
    else:
        raise AssertionError("the older generation does not answer")
    moment = time.perf_counter() - began
    command.join()
    return moment, gone


with Platform() as platform:
    person = Person(platform, "person")
    urls = {}
    for repository, change in (("recreate", lambda text: text), ("rolling", rolling)):
        person.make_repo(repository, "hello", {"flake.nix": lambda text, change=change: change(greeting(0)(text))})
        person.push(repository)
        person.change(repository, {"flake.nix": greeting(1)})
        person.push(repository)
        urls[repository] = person.wait_ready(repository)["urls"][0]

    nix = BareNix(f"{platform.directory}/bare")
    built = nix.build(person.folder("rolling"), "seeds.hello.toplevel")
    image = f"{nix.folder}/closure.erofs"
    nix.image(built, image)

    times, gone, bare, shown = {name: [] for name in urls}, [], [], {name: 1 for name in urls}
    for _ in range(options.rounds):
        bare.append(bare_boot(image, f"{built}/init", nix.folder))
        for name, url in urls.items():
            shown[name] = 1 - shown[name]
            moment, away = roll_back(person, name, url, shown[name])
            times[name].append(moment)
            if name == "recreate":
                gone.append(away)
    bare_median, bare_best = tell("a bare boot", bare)
    tell("recreate: until the old page had gone", gone)
    for name in urls:
        median, best = tell(f"{name}: until the older page came", times[name])
        print(f"  {name}: {median - bare_median:+.2f} s, of the quickest {best - bare_best:+.2f} s (goal +0.3)")
