"""Debian's systemd, journald, nginx, dropbear and nftables as a flake that can be pushed; made once and kept in the cache."""
import subprocess

from debian_guest import cached
from seed_platform import SOURCE, needs


def flake():
    """The folder of the flake; give it to Person.make_repo as the template."""
    needs(root=True, programs=["mmdebstrap", "xz", "/usr/bin/busybox"])
    script = f"{SOURCE}/tests/beds/build_systemd_closure.sh"

    def make(folder):
        with open(f"{folder}/build.log", "w") as log:
            made = subprocess.run([script, f"{folder}/flake"], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        assert made.returncode == 0, open(f"{folder}/build.log", errors="replace").read()[-3000:]

    return cached("systemd-closure", [script], make) + "/flake"
