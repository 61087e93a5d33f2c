#!/usr/bin/env python3
"""On a bare Debian 12 with systemd, an ordinary user with sudo and then root type ./quickstart --once: packages come, the flake answers,
and nothing stays but files and packages: no process, service, port, mount, interface or policy.

Compiling inside an emulated machine would take hours, so the programs come along (--build), and what only a compilation needs is in
the machine's image; what the platform runs on is brought by quickstart itself.
"""
import glob
import os
import shutil
import subprocess
import tempfile
import time

from debian_guest import DebianGuest, guest_files, package_disk
from seed_platform import BUILD, SOURCE, needs

needs(root=True, programs=[f"{BUILD}/bin/seedd", "apt-ftparchive", "mkfs.erofs"])


def tree(folder):
    """The sources as git has them, and the programs in build/."""
    names = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z"], capture_output=True, text=True).stdout.split("\0") or []
    if not any(names):   # sources without git: everything but builds
        names = [os.path.relpath(f"{where}/{name}", SOURCE) for top in ("tools", "templates", "quickstart", "check")
                 for where, _, files in os.walk(f"{SOURCE}/{top}") for name in files] + ["quickstart", "check"]
    for name in filter(None, names):
        if os.path.isfile(f"{SOURCE}/{name}"):
            os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
            shutil.copy2(f"{SOURCE}/{name}", f"{folder}/{name}")
    for pattern in ("bin/seed*", "plugins/*.so", "guest/*"):
        for file in filter(os.path.isfile, glob.glob(f"{BUILD}/{pattern}")):
            target = f"{folder}/build/{os.path.relpath(file, BUILD)}"
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(file, target)
            if not pattern.startswith("guest"):
                subprocess.run(["strip", "--strip-debug", target], check=True)


def packages(section):
    listed = subprocess.run(["bash", "-c", f"source_dir={SOURCE}; . {SOURCE}/tools/packages.sh; packages_of {section}"], capture_output=True,
                            text=True, check=True).stdout.split()
    return [name.removeprefix("?") for name in listed]


# What must be the same before and after, as text.  `ss` sees the guest's own sshd, ip its one interface.
CENSUS = r"""
echo == processes; ps -eo user:20,args --no-headers | grep -vE 'ps -eo|\[[a-z].*\]$|test-agent|base64|grep -v| bash$|sort$|systemd-timesyncd|\(sd-pam\)|systemd --user|sort -u' | sort -u
echo == ports; ss -Hlntu | awk '{print $1, $5}' | sort
echo == interfaces; ip -o link | awk '{print $2}' | sort
echo == namespaces; lsns -n -o TYPE,PATH -t net | wc -l
echo == mounts; awk '{print $5}' /proc/self/mountinfo | grep -v '^/run/user' | sort
echo == firewall; nft list tables 2>/dev/null
echo == policy; ls /usr/sbin/policy-rc.d 2>&1
echo == units; systemctl list-units --no-legend --plain --type=service,socket --state=active | awk '{print $1}' | grep -vE '^(user@|user-runtime|getty|serial|systemd-|modprobe@)' | sort
"""

started = time.monotonic()


def tell(what):
    print(f"{time.monotonic() - started:7.0f} s  {what}", flush=True)


with tempfile.TemporaryDirectory(prefix="seed-test-disks-", dir="/tmp") as folder:
    in_image = ",".join(["sudo"] + packages("build"))
    files = guest_files(in_image)
    package_disk(files, f"{folder}/packages.erofs", packages("run") + ["linux-image-cloud-amd64"])
    os.makedirs(f"{folder}/tree")
    tree(f"{folder}/tree")
    subprocess.run(["mkfs.erofs", "-T0", f"{folder}/tree.erofs", f"{folder}/tree"], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(f"{folder}/tree")
    tell("packages and sources are ready")
    with DebianGuest(more=in_image, disks=[f"{folder}/packages.erofs", f"{folder}/tree.erofs"], memory=6144, processors=2) as guest:
        guest.check("""
            mount -t erofs -o ro /dev/vdc /srv/repo
            mkdir /opt/seed; mount -t erofs -o ro /dev/vdd /opt/seed
            useradd -m -s /bin/bash person; echo 'person ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/person
            cp -r /opt/seed /home/person/seed; chown -R person: /home/person/seed
            modprobe tun; modprobe loop; chmod 666 /dev/net/tun   # udev's work, which this guest does without
        """, 600)
        before = guest.check(CENSUS)
        tell("the guest is up")

        def quickstart(who, command, where):
            status, output = guest.run(f"cd / && runuser -l {who} -c '{command}' < /dev/null > /tmp/{who}.log 2>&1; status=$?; tail -n 120 /tmp/{who}.log; exit $status", 7200)
            print(output, flush=True)
            assert status == 0, f"quickstart of {who} ended with {status}; its log:\n{guest.run(f'tail -n 60 {where}/seedd.log')[1]}"
            for word in ("Stages", "Instance  hello", "URL       http://127.0.0.1:", "Nothing runs any more"):
                assert word in output, f"'{word}' is not in what quickstart of {who} said"
            after = guest.check(CENSUS)
            left = [f"{mark}{line}" for mark, one, other in (("gone: ", before, after), ("left: ", after, before))
                    for line in one.splitlines() if line not in other.splitlines()]
            assert not left, f"after quickstart of {who} the machine is not as it was:\n" + "\n".join(left)
            tell(f"quickstart of {who} has proven itself")
            return output

        first = quickstart("person", "cd seed && ./quickstart --once --build build", "/home/person/seed/build/quickstart")
        assert "Installing from Debian" in first, "the packages were there before?"
        assert guest.run("systemctl is-enabled pdns.service")[1].strip() in ("disabled", "masked"), "a server of somebody's machine was enabled"
        again = quickstart("root", "cd /opt/seed && ./quickstart --once --build build --dir /var/tmp/quickstart", "/var/tmp/quickstart")
        assert "Installing from Debian" not in again, "the second run installs again"
        second = quickstart("person", "cd seed && ./quickstart --once --build build", "/home/person/seed/build/quickstart")
        assert "Installing from Debian" not in second
