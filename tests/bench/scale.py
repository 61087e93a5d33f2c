#!/usr/bin/env python3
"""A machine with many people: 1,000 instances of 100 tenants, reconciled after a start while 50 people run `status`, and the memory then.

    scale.py [--tenants 100] [--people 50]

Ten instances in each tenant's flake, as if all had been deployed; the runtime is the mock, everything else is real. Told are
  reconcile  from seedd's start until all instances are ready, published and named; processor time of the platform
  status     50 people at once: with one tenant, while 1,000 instances are reconciled, and afterwards, as ratios
  memory     of all processes but pdns_server; goal: under 100 MB
Goals are printed, not enforced: machines differ.
"""
import argparse
import base64
import concurrent.futures
import hashlib
import json
import os
import sqlite3
import statistics
import subprocess
import threading
import time

import census
from memory import of_processes
from seed_person import Person
from seed_platform import BUILD, Platform, needs, wait_for
import several

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--tenants", type=int, default=100)
parser.add_argument("--people", type=int, default=50)
options = parser.parse_args()
needs(root=True, programs=[f"{BUILD}/plugins/mock-runtime.so"])

CONFIG = """
platform: {{ domain: seed.localhost, silo: silo.seed.localhost, state: "{state}" }}
listen: {{ ssh: "127.0.0.1:0", http: "127.0.0.1:0" }}
admission: open
providers:
  runtime: {{ plugin: mock-runtime }}
  dns: {{ plugin: dns-powerdns, config: {{ managed: true }} }}
  git: {{ plugin: git-silo }}
  storage: {{ plugin: storage-localpath }}
"""


def namespace_of(cid):
    return "s-" + base64.b32encode(hashlib.sha256(cid.encode()).digest()).decode().lower()[:26]


def everybody_asks(people):
    """Seconds of each person's `status`, all at once."""
    def ask(person):
        began = time.perf_counter()
        person.ssh("status", timeout=600)
        return time.perf_counter() - began
    with concurrent.futures.ThreadPoolExecutor(len(people)) as pool:
        return list(pool.map(ask, people))


def tell(what, times):
    print(f"  {what:44} median {statistics.median(times):7.3f} s   [{min(times):.3f} - {max(times):.3f}]  n={len(times)}", flush=True)
    return statistics.median(times)


def multiply(platform, people):
    """The one tenant there is, as many times as wanted; the first ones belong to the people."""
    silo = f"{platform.state}/git/repositories"
    with sqlite3.connect(f"{platform.state}/core/seed.sqlite3") as store:
        for number in range(1, options.tenants):
            name, owner = f"tenant{number}", people[number].public_key if number < len(people) else f"ssh-ed25519 nobody{number}"
            cid = hashlib.sha256(name.encode()).hexdigest()
            subprocess.run(["cp", "-a", f"{silo}/tenant0.git", f"{silo}/{name}.git"], check=True)
            for table, changed in (("flakes", {"repository": name, "owner": owner, "cid": cid, "ns": namespace_of(cid)}),
                                   ("revisions", {"repository": name, "id": None}), ("generations", {"repository": name}),
                                   ("desired", {"repository": name})):
                columns = [column[1] for column in store.execute(f"PRAGMA table_info({table})")]
                for row in store.execute(f"SELECT * FROM {table} WHERE repository = 'tenant0'").fetchall():
                    values = [changed.get(column, value) for column, value in zip(columns, row)]
                    store.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", values)
    store.close()


def processor_seconds(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks += sum(int(fields[index]) for index in (11, 12, 13, 14))   # with children that have ended
    return ticks / os.sysconf("SC_CLK_TCK")


def runtime_state():
    with open(f"{platform.state}/runtime/state.json") as file:
        return json.load(file)


with Platform(start=False) as platform:
    platform.config = f"{platform.directory}/seed.yaml"
    with open(platform.config, "w") as file:
        file.write(CONFIG.format(state=platform.state))
    platform.start()
    people = [Person(platform, f"person{number}") for number in range(options.people)]
    several.make(people[0], "tenant0", {f"web{number}": {"script": several.serve(), "expose": {"http": 80}} for number in range(10)})
    people[0].push("tenant0")
    everybody_asks(people)      # known hosts, warm files
    one_tenant = tell("status, one tenant", everybody_asks(people))
    platform.stop()
    multiply(platform, people)
    wanted = 10 * options.tenants

    print("reconcile")
    began = time.perf_counter()
    platform.start(deadline=900)
    print(f"  serves after {time.perf_counter() - began:.1f} s", flush=True)
    during, refused, over = [], [], threading.Event()

    def keep_asking():
        try:
            while not over.is_set():
                during.extend(everybody_asks(people))
        except Exception as error:
            refused.append(error)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        wait_for(lambda: len(runtime_state().get("boots", {})) == wanted and
                 sum(len(services) for services in runtime_state().get("published", {}).values()) == wanted and len(census.records(platform)) >= wanted,
                 lambda: f"{wanted} instances are there: {len(runtime_state().get('boots', {}))} boots, {len(census.records(platform))} records", 1800, pause=1)
        print(f"  {wanted} instances ready, published and named after {time.perf_counter() - began:.1f} s", flush=True)
    finally:
        over.set()
        asking.join()
    assert not refused, refused[0]
    own = [pid for pid, _ in census.own_processes(platform)]
    print(f"  processor time until then: {processor_seconds(own):.1f} s, of it seedd {processor_seconds([platform.process.pid]):.1f} s")

    print("status")
    busy = tell(f"status while {wanted} instances are reconciled", during)
    quiet = tell(f"status with {wanted} instances", everybody_asks(people))
    print(f"  ratio to one tenant: {busy / one_tenant:.2f} while they are reconciled, {quiet / one_tenant:.2f} afterwards")
    assert len(people[1].ask("status")["flakes"][0]["instances"]) == 10

    print("memory")
    wait_for(lambda: not any(name in ("seed-session", "seed-nix-box", "git") for _, name in census.own_processes(platform)), "all is quiet", 120)
    of_processes(platform).show(goal=100)
    idle = processor_seconds([platform.process.pid])
    time.sleep(10)
    print(f"  seedd at rest: {(processor_seconds([platform.process.pid]) - idle) * 10:.1f} % of a processor")
