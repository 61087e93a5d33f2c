#!/usr/bin/env python3
"""The Debian package on a machine of its own: it installs and serves without an edit; a backup of another machine restores there and boots
what was deployed; an upgrade touches no machine; removing ends them, purging leaves nothing."""
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from debian_guest import DebianGuest
from seed_person import Person
from seed_platform import BUILD, Platform, needs, wait_for

needs(root=True, programs=["cpack", "dpkg-deb", "apt-ftparchive", "mkfs.erofs"])

def field(deb, name):
    return subprocess.run(["dpkg-deb", "-f", deb, name], capture_output=True, text=True, check=True).stdout.strip()


def boots():
    """Which machines run inside, by the process that supervises each."""
    return guest.check("pgrep -a -x qemu-system-x86 | sed 's/ .*//' | sort").split()


with tempfile.TemporaryDirectory(prefix="seed-test-package-", dir="/tmp") as folder:
    subprocess.run(["cpack", "-B", folder], cwd=BUILD, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    first = glob.glob(f"{folder}/seed_*_amd64.deb")[0]
    print(f"{os.path.basename(first)}: {os.path.getsize(first) >> 20} MiB, {int(field(first, 'Installed-Size')) >> 10} MiB installed")

    if shutil.which("lintian"):
        lint = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", first], capture_output=True, text=True, timeout=600)
        print(lint.stdout)
        assert lint.returncode == 0, lint

    # The same once more under a higher version, as a later release would come.
    subprocess.run(["dpkg-deb", "-R", first, f"{folder}/tree"], check=True)
    with open(f"{folder}/tree/DEBIAN/control") as file:
        text = file.read()
    with open(f"{folder}/tree/DEBIAN/control", "w") as file:
        file.write(re.sub(r"(?m)^Version: .*", "Version: 9.9.9", text))
    os.makedirs(f"{folder}/later")
    later = f"{folder}/later/seed_9.9.9_amd64.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", f"{folder}/tree", later], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(f"{folder}/tree")

    # A platform elsewhere, with an instance and its volume, saved.
    with Platform() as elsewhere:
        alice = Person(elsewhere, "alice")
        alice.make_repo("app", "hello", {"flake.nix": lambda text: re.sub(r'size = "\w+"', 'size = "xs"', text)})
        alice.push("app")
        hello = alice.wait_ready("app")
        assert "Boot number 1" in elsewhere.get(hello["urls"][0], deadline=30)
        elsewhere.stop()
        saved = subprocess.run([f"{BUILD}/bin/seed", "backup", "--volumes", "--state", elsewhere.state, f"{folder}/seed.tar"], capture_output=True, text=True)
        assert saved.returncode == 0, saved

    # Everything the package depends on is in the guest's image, so that only the package itself is installed in the emulation.
    wants = [re.split(r"[ (|]", one.strip())[0] for one in field(first, "Depends").split(",")]
    more = ",".join(sorted({*wants, "procps"}))
    disk = f"{folder}/repo.erofs"
    tree = f"{folder}/repo"
    os.makedirs(tree)
    for deb in (first, later, f"{folder}/seed.tar"):
        shutil.copy(deb, tree)
    subprocess.run(["mkfs.erofs", "-T0", disk, tree], check=True, stdout=subprocess.DEVNULL)

    with DebianGuest(more=more, disks=[disk], memory=4096) as guest:
        guest.check("mkdir -p /mnt/repo; mount -t erofs -o ro /dev/vdc /mnt/repo; systemctl disable --now pdns >/dev/null 2>&1; ls /mnt/repo")

        began = time.monotonic()
        print(guest.check("dpkg -i /mnt/repo/seed_[0-8]*.deb 2>&1 | tail -n 5", 600))
        print(f"installed and started in {time.monotonic() - began:.1f} s")
        assert guest.check("systemctl is-active seedd; systemctl is-enabled seedd").split() == ["active", "enabled"]
        assert "serving seed.localhost" in guest.check("systemctl show -p StatusText seedd")
        assert json.loads(guest.check("curl -sf http://127.0.0.1:8080/health", 120))["ok"]
        assert "seedd 0." in guest.check("seed version", 120)
        print(guest.check("systemd-analyze security --no-pager seedd.service | tail -n 1"))

        # Restored from the other machine.
        guest.check("systemctl stop seedd; rm -rf /var/lib/seed/* /var/lib/seed/.[a-z]*; seed restore /mnt/repo/seed.tar 2>&1; systemctl start seedd", 600)
        state = lambda: json.loads(guest.check("seed status --json", 120))["flakes"][0]["instances"][0]
        ready = wait_for(lambda: (one := state())["state"] == "ready" and one, "the instance boots inside the guest", 600, pause=3)
        assert ready["address"] == hello["address"], (ready, hello)
        page = wait_for(lambda: guest.check(f"curl -sf -m 30 '{ready['urls'][0]}'", 60), "the instance answers inside the guest", 200, pause=2)
        assert "Boot number 2" in page, page
        machines = boots()
        assert len(machines) == 1, machines
        groups = "cat $(find /sys/fs/cgroup -path '*seed-*' -name memory.max) | sort | uniq -c"
        limits = guest.check(groups)

        # Restarted, killed, upgraded: the machine does not notice.
        for what in ("systemctl restart seedd", "systemctl kill --kill-whom=main -s KILL seedd; sleep 0.2; systemctl start seedd",
                     "dpkg -i /mnt/repo/seed_9*.deb >/dev/null 2>&1"):
            began = time.monotonic()
            guest.check(what, 600)
            took = time.monotonic() - began
            wait_for(lambda: guest.run("systemctl is-active --quiet seedd")[0] == 0, "seedd is up again", 120)
            now = wait_for(lambda: (one := state())["state"] == "ready" and one, "the instance is known again", 120, pause=1)
            assert (now["boot"], boots()) == (ready["boot"], machines), f"{what}: {ready} became {now}"
            assert "Boot number 2" in guest.check(f"curl -sf -m 30 '{ready['urls'][0]}'", 60)
            assert guest.check(groups) == limits, f"{what}: the limits of the machines changed:\n{limits}\n{guest.check(groups)}"
            print(f"{what.split(';')[0]}: {took:.1f} s, the machine's boot is the same")
        assert field(later, "Version") in guest.check("dpkg-query -W seed")

        # Edited configuration survives; a wrong one is said.
        guest.check("echo 'admision: open' >> /etc/seed/seed.yaml")
        assert guest.run("systemctl restart seedd", 200)[0] != 0
        assert "did you mean admission" in guest.check("journalctl -u seedd -n 20 --no-pager")
        guest.check("sed -i '$d' /etc/seed/seed.yaml; systemctl reset-failed seedd; systemctl start seedd", 200)

        # Removed: nothing runs, data stays.  Purged: nothing is left.
        guest.check("dpkg -r seed >/dev/null 2>&1", 300)
        assert guest.run("pgrep -f 'seedd|seed-|qemu-system|pdns_server'")[1] == "", guest.check("ps axf")
        guest.check("test -d /var/lib/seed/core && test -f /etc/seed/seed.yaml && ! test -e /usr/lib/seed && ! test -e /usr/bin/seed")
        guest.check("dpkg -P seed >/dev/null 2>&1", 300)
        left = guest.check("find / -xdev \\( -path /proc -o -path /sys -o -path /mnt -o -path /usr/local \\) -prune -o -iname 'seed*' -print | grep -v -e seedtest -e /usr/share -e /usr/lib/python || true")
        assert left == "", left
        assert guest.check("systemctl is-system-running || true").strip() in ("running", "degraded")
