#!/usr/bin/env python3
"""The Debian package on a machine with a kernel and control groups of version 2 of its own: it installs and serves without an edit, a
flake is pushed and its instance answers; a restart, a kill and a hang of seedd touch no machine and no limit.

package_lives.py tells the whole life, in a container.  Here the instance is an emulated machine inside an emulated machine: deadlines are
of many minutes.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from debian_guest import DebianGuest
from seed_person import make_flake
from seed_platform import BUILD, needs, wait_for

needs(root=True, programs=["cpack", "dpkg-deb", "mkfs.erofs", "mmdebstrap"])
DEADLINE = 1500     # of one boot inside, or one push; a quiet machine needs a minute
started = time.monotonic()


def tell(what):
    print(f"{time.monotonic() - started:7.0f} s  {what}", flush=True)


def field(deb, name):
    return subprocess.run(["dpkg-deb", "-f", deb, name], capture_output=True, text=True, check=True).stdout.strip()


class Host:
    """A Debian machine with the package on its disk; what an administrator does there."""

    def __init__(self, guest):
        self.guest, self.check, self.run = guest, guest.check, guest.run
        # What udev does on other machines.
        self.check("mkdir -p /mnt/repo; mount -t erofs -o ro /dev/vdc /mnt/repo; systemctl disable --now pdns >/dev/null 2>&1; "
                   "modprobe tun; modprobe loop; chmod 666 /dev/net/tun")
        self.before = self.census()

    def census(self):
        """What must be the same before the package came and after it was purged."""
        return self.check("""
            ps -eo args --no-headers | grep -vE '^(ps -eo|\\[|sort|bash$|/bin/bash|base64|sleep|grep)' | sort -u
            ss -Hlntu | awk '{print $1, $5}' | sort
            ip -o link | awk '{print $2}' | sort
            awk '{print $5}' /proc/self/mountinfo | grep -v '^/run/user' | sort
            nft list tables 2>/dev/null
            find /sys/fs/cgroup -name '*seed*'
            find /etc /usr /var /run /tmp /lib/systemd -xdev -iname '*seed*' | grep -v -e seedtest -e '^/var/lib/dpkg/info/seed.list$' -e random-seed | sort
        """)

    def up(self, deadline=600):
        wait_for(lambda: self.run("systemctl is-active --quiet seedd")[0] == 0, lambda: f"seedd is up; its log:\n{self.log()}", deadline, pause=1)

    def log(self):
        return self.run("systemctl status --no-pager seedd seed-machines; journalctl -u seedd -n 40 --no-pager")[1]

    def install(self, pattern):
        self.check(f"DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i {pattern} < /dev/null 2>&1", 1200)

    def instance(self):
        return json.loads(self.check("seed status --json", 300))["flakes"][0]["instances"][0]

    def ready(self):
        def look():
            one = self.instance()
            return one["state"] == "ready" and one
        try:
            return wait_for(look, "the instance is ready", DEADLINE, pause=2)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}\n{self.run('seed status; seed events | tail -n 30')[1]}") from None

    def page(self, url):
        return wait_for(lambda: self.check(f"curl -sf -m 60 '{url}'", 120), f"{url} answers", DEADLINE, pause=1)

    def machines(self):
        """(pid and start time of every QEMU, the limits of all groups)."""
        return self.check("""
            for pid in $(pgrep -x qemu-system-x86); do echo $pid $(awk '{print $22}' /proc/$pid/stat); done
            cd /sys/fs/cgroup/system.slice/seed-machines.service && grep -H . $(find . -path '*/vm-*' -name '*.max' | sort)
        """)


with tempfile.TemporaryDirectory(prefix="seed-test-package-", dir="/tmp") as folder:
    subprocess.run(["cpack", "-B", f"{folder}/first"], cwd=BUILD, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    first = glob.glob(f"{folder}/first/seed_*_amd64.deb")[0]
    disk, tree = f"{folder}/repo.erofs", f"{folder}/repo"
    os.makedirs(tree)
    shutil.copy(first, f"{tree}/first.deb")
    make_flake(f"{tree}/app", "hello", {"flake.nix": lambda text: text.replace(
        "mkdir -p /run/www\n", "mkdir -p /run/www; cat /proc/sys/kernel/random/boot_id > /run/www/boot\n", 1)})
    subprocess.run(["mkfs.erofs", "-T0", disk, tree], check=True, stdout=subprocess.DEVNULL)
    # What the package depends on is in the machine's image: only the package itself is installed under emulation.
    wants = [re.split(r"[ (|]", one.strip())[0] for one in field(first, "Depends").split(",")]
    machine = {"more": ",".join(sorted({*wants, "openssh-client", "procps"})), "disks": [disk], "memory": 4096, "processors": 2}
    tell(f"{os.path.basename(first)}: {os.path.getsize(first) >> 20} MiB, {int(field(first, 'Installed-Size')) >> 10} MiB installed")

    with DebianGuest(**machine) as guest:
        host = Host(guest)
        tell("the first machine is up")

        host.install("/mnt/repo/first.deb")
        host.up()
        tell("installed and up")
        assert host.check("systemctl is-active seedd seed-machines; systemctl is-enabled seedd").split() == ["active", "active", "enabled"]
        assert "serving seed.localhost" in host.check("systemctl show -p StatusText seedd")
        assert json.loads(host.check("curl -sf http://127.0.0.1:8080/health", 120))["ok"]
        said = host.check("journalctl -u seedd --no-pager")
        assert "no limits" not in said and "no way out" not in said and "no memory limit" not in said, said
        assert f"seedd {field(first, 'Version').split('-')[0]}" in host.check("seed version", 120)
        verified = host.check("systemd-analyze verify --man=no seedd.service seed-machines.service seedd-ssh.socket seedd-http.socket 2>&1", 120)
        assert verified.strip() == "", verified
        print(host.check("for unit in seedd seed-machines; do systemd-analyze security --no-pager $unit.service | tail -n 1; done", 120), end="")

        # An instance that is emulated twice takes its time; what the administrator writes must also outlive the upgrade.
        host.check("echo 'limits: { ready_seconds: 3600 }' >> /etc/seed/seed.yaml; systemctl restart seedd", 600)
        host.up()

        # A push, and the instance answers.
        host.check("""
            mkdir -m 700 /root/person && cd /root/person && ssh-keygen -q -t ed25519 -N '' -f key
            cp -r /mnt/repo/app app && cd app && git init -q -b main && git add -A -f
            git -c user.name=person -c user.email=person@example.org commit -q -m first
        """)
        pushed = host.check("""
            cd /root/person/app; export GIT_SSH_COMMAND='ssh -i /root/person/key -o StrictHostKeyChecking=no -o LogLevel=ERROR'
            git push ssh://127.0.0.1:2222/app main 2>&1
        """, DEADLINE)
        tell("pushed")
        ready = host.ready()
        url = ready["urls"][0]
        assert "Boot number 1 " in host.page(url)
        boot_id, machines = host.page(f"{url}boot"), host.machines()
        assert len(re.findall(r"(?m)^\d+ \d+$", machines)) == 1 and re.search(r"memory\.max:\d+", machines), machines
        tell(f"the instance answers\n{machines}")

        def untouched(what):
            host.up()
            now = host.ready()
            assert now["boot"] == ready["boot"] and now["uptime_ms"] > ready["uptime_ms"], f"{what}: {ready} became {now}"
            assert host.page(f"{url}boot") == boot_id, f"{what}: the machine was booted anew"
            assert host.machines() == machines, f"{what}: the machines or their limits changed:\n{machines}\n{host.machines()}"
            tell(f"{what}: the machine is as it was")

        host.check("systemctl restart seedd", 600)
        untouched("restarted")

        before = host.check("systemctl show -P MainPID seedd")
        host.check("systemctl kill --kill-whom=main -s KILL seedd")
        wait_for(lambda: host.check("systemctl show -P MainPID seedd") not in (before, "0\n"), "systemd starts seedd again", 120, pause=1)
        untouched("killed")

        # Half a minute without a sign of life: systemd ends it and starts another.
        host.check("mkdir -p /run/systemd/system/seedd.service.d; printf '[Service]\\nWatchdogSec=30\\n' > /run/systemd/system/seedd.service.d/test.conf; "
                   "systemctl daemon-reload; systemctl restart seedd", 600)
        host.up()
        before = host.check("systemctl show -P MainPID seedd")
        host.check(f"kill -STOP {before}")
        wait_for(lambda: host.check("systemctl show -P MainPID seedd") not in (before, "0\n"), "the watchdog ends a hanging seedd", 400, pause=2)
        assert "Watchdog timeout" in host.check("journalctl -u seedd --no-pager")
        host.check("rm /run/systemd/system/seedd.service.d/test.conf; systemctl daemon-reload")
        untouched("hung")
