#!/usr/bin/env python3
"""A push boots through runtime-clh and answers; a stop, a volume, a death and a restart of the daemon are as with every runtime.

With a real cloud-hypervisor where SEED_TEST_CLOUD_HYPERVISOR names one and /dev/kvm works, otherwise with the fake that speaks its API and lets
QEMU emulate the machine (tests/fakes): then the kernel, the initrd, the disks and the network are real all the same.
"""
import glob
import json
import os
import shutil
import signal

from seed_person import Person
from seed_platform import SOURCE, Platform, needs, skip, wait_for

needs(root=True, programs=["mkfs.ext4"])
real = os.environ.get("SEED_TEST_CLOUD_HYPERVISOR")
if real and not os.access("/dev/kvm", os.R_OK | os.W_OK):
    skip("SEED_TEST_CLOUD_HYPERVISOR is set, but there is no usable /dev/kvm")


def machine_of(platform, boot):
    """(folder, pid of what runs it)"""
    folder, = [path for path in glob.glob(f"{platform.state}/**/vms/*", recursive=True) if path.endswith(f"~{boot}")]
    with open(f"{folder}/qemu") as file:
        return folder, int(file.read().split()[0])


def configure(platform):
    program = real or f"{platform.directory}/cloud-hypervisor"
    if not real:
        shutil.copyfile(f"{SOURCE}/tests/fakes/fake_cloud_hypervisor", program)   # the machine's uid has to find it
        os.chmod(program, 0o755)
    config = {"loopback_ports": "20000-29999", "cloud_hypervisor": program} | ({} if real else {"device": "/dev/null"})
    platform.config = f"{platform.directory}/seed.yaml"
    with open(platform.config, "w") as file:
        json.dump({"platform": {"domain": "seed.localhost", "silo": "silo.seed.localhost", "state": platform.state},
                   "listen": {"ssh": "127.0.0.1:0", "http": "127.0.0.1:0"}, "admission": "open",
                   "providers": {"runtime": {"plugin": "runtime-clh", "config": config}, "dns": {"plugin": "dns-powerdns", "config": {"managed": True}},
                                 "git": [{"plugin": "git-silo"}], "storage": {"plugin": "storage-localpath"}}}, file)


with Platform(start=False) as platform:
    configure(platform)
    platform.stop_instances = False   # as a service
    platform.start()
    alice = Person(platform, "alice")
    alice.make_repo("app", "hello")
    pushed = alice.push("app").stderr
    assert "hello is ready" in pushed, pushed
    hello = alice.instance("app")
    page = lambda: platform.get(alice.instance("app")["urls"][0], deadline=60)
    assert "Boot number 1" in page(), page()

    folder, pid = machine_of(platform, hello["boot"])
    status = open(f"/proc/{pid}/status").read()
    assert "\nUid:\t67" in status and "\nCapEff:\t0000000000000000\n" in status and "\nSeccomp:\t2\n" in status, status
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    with open(f"{folder}/spec.json") as file:
        assert json.load(file)["accelerator"] == "kvm"

    # The daemon's restart touches no machine, and the machine is found again.
    platform.stop()
    assert os.path.exists(f"/proc/{pid}"), "the machine ended with the daemon"
    platform.stop_instances = True
    platform.start()
    wait_for(lambda: alice.instance("app")["state"] == "ready", "the machine is found again", 90)
    assert alice.instance("app")["boot"] == hello["boot"] and "Boot number 1" in page()

    # A hypervisor that dies is a boot that ended: the next one has the same volume and address.
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: "Boot number 2" in page(), "the second boot answers", 120)
    assert alice.instance("app")["address"] == hello["address"]
    assert "cloud-hypervisor ended: killed by signal 9" in alice.ssh("logs", "hello").stdout

    # An orderly stop, by the operator's word.
    alice.ssh("stop", "hello")
    wait_for(lambda: alice.instance("app")["state"] not in ("ready", "starting"), "it is stopped", 60)
    assert alice.ssh("logs", "hello").stdout.rstrip().endswith("seed: stopped"), alice.ssh("logs", "hello").stdout
    alice.ssh("start", "hello")
    wait_for(lambda: "Boot number 3" in page(), "the third boot answers", 120)
