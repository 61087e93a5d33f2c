#!/usr/bin/env python3
"""On a bare Debian 12 an ordinary user with sudo and then root type ./quickstart --once: packages come, the flake answers, and nothing
stays but files and packages: no process, port, mount, interface, policy or enabled service.

Compiling is CI's own proof, on a machine as bare: here the programs come along (--build), and what only a compilation needs is in the
image; what the platform runs on is brought by quickstart itself.
"""
import glob
import os
import shutil
import subprocess
import tempfile
import time

from debian_container import DebianContainer
from debian_guest import guest_files, package_disk
from seed_platform import BUILD, SOURCE, needs

needs(root=True, programs=[f"{BUILD}/bin/seedd", "apt-ftparchive", "mkfs.erofs"])
started = time.monotonic()


def tell(what):
    print(f"{time.monotonic() - started:7.0f} s  {what}", flush=True)


def copy_tree(folder):
    """The sources as git has them, and the programs in build/."""
    listed = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z"], capture_output=True, text=True).stdout.split("\0")
    if not any(listed):   # sources without git
        listed = ["quickstart", "check"] + [os.path.relpath(f"{where}/{name}", SOURCE) for top in ("tools", "templates")
                                            for where, _, files in os.walk(f"{SOURCE}/{top}") for name in files]
    built = [os.path.relpath(file, BUILD) for pattern in ("bin/seed*", "plugins/*.so", "guest/*") for file in glob.glob(f"{BUILD}/{pattern}")]
    for source, name, target in [(SOURCE, name, name) for name in filter(None, listed)] + [(BUILD, name, f"build/{name}") for name in built]:
        if os.path.isfile(f"{source}/{name}"):
            os.makedirs(os.path.dirname(f"{folder}/{target}"), exist_ok=True)
            shutil.copy2(f"{source}/{name}", f"{folder}/{target}")


def packages(section):
    listed = subprocess.run(["bash", "-c", f"source_dir={SOURCE}; . {SOURCE}/tools/packages.sh; packages_of {section}"], capture_output=True,
                            text=True, check=True).stdout.split()
    return [name.removeprefix("?") for name in listed]


# What must be the same before and after, as text.
CENSUS = r"""
echo == processes; ps -eo user:20,args --no-headers | grep -vE 'ps -eo|grep -v|sort -u| bash( |$)|sleep 86400|env -i' | sort -u
echo == ports; ss -Hlntu | awk '{print $1, $5}' | sort
echo == interfaces; ip -o link | awk '{print $2}' | sort
echo == mounts; awk '{print $5}' /proc/self/mountinfo | sort
echo == firewall; nft list tables 2>/dev/null
echo == policy; ls /usr/sbin/policy-rc.d 2>&1
echo == services; ls /etc/systemd/system/multi-user.target.wants
"""

with tempfile.TemporaryDirectory(prefix="seed-test-disks-", dir="/tmp") as folder:
    in_image = ",".join(["sudo"] + packages("build"))
    package_disk(guest_files(in_image), f"{folder}/packages.erofs", packages("run") + ["linux-image-cloud-amd64"])
    tell("packages are ready")
    with DebianContainer(more=in_image, repository=f"{folder}/packages.erofs") as debian:
        debian.check("useradd -m -s /bin/bash person; echo 'person ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/person")
        copy_tree(debian.path("/home/person/seed"))
        debian.check("cp -r /home/person/seed /opt/seed; chown -R person: /home/person/seed")
        before = debian.check(CENSUS)
        tell("the container is up")

        def quickstart(who, where, *options):
            status, output = debian.run(f"runuser -l {who} -c 'cd {where} && ./quickstart --once --build build {' '.join(options)}' < /dev/null", 1800)
            assert status == 0, f"quickstart of {who} ended with {status}:\n{output}"
            for word in ("Stages", "Instance  hello", "URL       http://127.0.0.1:", "Nothing runs any more"):
                assert word in output, f"'{word}' is not in what quickstart of {who} said:\n{output}"
            after = debian.check(CENSUS)
            left = [f"{mark}{line}" for mark, one, other in (("gone: ", before, after), ("left: ", after, before))
                    for line in one.splitlines() if line not in other.splitlines()]
            assert not left, f"after quickstart of {who} the machine is not as it was:\n" + "\n".join(left)
            tell(f"quickstart of {who} has proven itself")
            return output

        first = quickstart("person", "seed")
        print(first)
        assert "Installing from Debian" in first, "the packages were there before?"
        assert debian.run("systemctl is-enabled pdns.service")[1].strip() in ("disabled", "masked"), "a server of somebody's machine was enabled"
        again = quickstart("root", "/opt/seed", "--dir /var/tmp/quickstart")
        assert "Installing from Debian" not in again, "the second run installs again"
