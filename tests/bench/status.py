#!/usr/bin/env python3
"""What `status` over ssh costs, against sshd with a trivial forced command, in one run and by turns; the median of each counts.

    status.py [--rounds 15] [--people 50]

  one       a new connection each time, the same ssh client, key exchange and kind of key, loopback.  Goal: at most 1.2 of sshd's time
  many      PEOPLE at once, each with a key of his own: seconds until all have their answer, and the slowest
Goals are printed, not enforced: machines differ.
"""
import argparse
import concurrent.futures
import os
import statistics
import subprocess
import tempfile
import time

from seed_person import Person
from seed_platform import Platform, needs, wait_for

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rounds", type=int, default=15)
parser.add_argument("--people", type=int, default=50)
options = parser.parse_args()
needs(root=True, programs=["sshd", "ssh-keygen"])
# sshd's own choice, with a post-quantum part, costs a tenth of a second of computing that ours does not offer.
SAME_EXCHANGE = ("-o", "KexAlgorithms=curve25519-sha256")


class Sshd:
    """Debian's sshd on loopback, one key, `/bin/true`-like forced command that prints a line.  It sees a passwd of its own, where root
    has /bin/sh and an empty home: what the shell of this machine's root reads at its start is not part of the comparison."""

    def __init__(self, person):
        self.folder = tempfile.mkdtemp(prefix="seed-bench-sshd-", dir="/run" if os.access("/run", os.W_OK) else "/tmp")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{self.folder}/host"], check=True)
        with open(f"{self.folder}/keys", "w") as file:
            file.write(f'command="echo nothing",restrict {person.public_key}\n')
        os.makedirs("/run/sshd", exist_ok=True)
        os.makedirs(f"{self.folder}/home")
        with open("/etc/passwd") as accounts, open(f"{self.folder}/passwd", "w") as file:
            file.write(f"root:x:0:0:root:{self.folder}/home:/bin/sh\n" + "".join(line for line in accounts if not line.startswith("root:")))
        self.process = None
        for self.port in range(22022, 22122):
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", 'mount --bind "$1/passwd" /etc/passwd && shift && exec "$@"', "sh", self.folder,
                 "/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-h", f"{self.folder}/host", "-o", f"ListenAddress=127.0.0.1:{self.port}",
                 "-o", f"AuthorizedKeysFile={self.folder}/keys", "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "PermitRootLogin=yes",
                 "-o", "PidFile=none"], stderr=subprocess.PIPE, text=True)
            try:
                self.process.wait(0.5)   # another one has the port
            except subprocess.TimeoutExpired:
                break
        self.command = ["ssh", *person.ssh_options(), *SAME_EXCHANGE, "-p", str(self.port), "root@127.0.0.1", "status"]

    def close(self):
        self.process.terminate()
        self.process.wait()
        subprocess.run(["rm", "-rf", self.folder], check=True)


def timed(person, command):
    began = time.perf_counter()
    person.run(command)
    return time.perf_counter() - began


def tell(what, times):
    print(f"  {what:44} median {statistics.median(times):7.3f} s   [{min(times):.3f} - {max(times):.3f}]  n={len(times)}", flush=True)
    return statistics.median(times), min(times)


with Platform() as platform:
    person = Person(platform, "person")
    sshd = Sshd(person)
    try:
        status = person.ssh_command("status", options=SAME_EXCHANGE)
        for command in (status, sshd.command):   # known hosts, warm files
            wait_for(lambda: person.run(command), "both answer", 30)
        print("one")
        ours, theirs = [], []
        for _ in range(options.rounds):
            ours.append(timed(person, status))
            theirs.append(timed(person, sshd.command))
        (ours, ours_best), (theirs, theirs_best) = tell("ssh seed status", ours), tell("ssh to sshd, a forced command", theirs)
        print(f"  ratio {ours / theirs:.2f}, of the quickest {ours_best / theirs_best:.2f} (goal 1.2)")
    finally:
        sshd.close()
    print("many")
    people = [Person(platform, f"person{number}") for number in range(options.people)]
    for one in people[:1]:
        one.ssh("status")
    with concurrent.futures.ThreadPoolExecutor(options.people) as pool:
        began = time.perf_counter()
        times = list(pool.map(lambda one: timed(one, one.ssh_command("status")), people))
        whole = time.perf_counter() - began
    tell(f"{options.people} people at once, each", times)
    print(f"  all after {whole:.2f} s")
