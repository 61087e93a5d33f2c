"""The Debian package on a machine of a test: SystemdContainer or DebianGuest, both have run(script, seconds) and check(script, seconds).

    package = make_package(folder)
    with SystemdContainer(more=wanted(package), repository=make_disk(...)) as machine:
        host = Host(machine)
        host.install("/srv/repo/seed.deb")
"""
import glob
import json
import os
import re
import shutil
import subprocess

from seed_person import make_flake
from seed_platform import BUILD, wait_for


def make_package(folder):
    """The package as ./check's build directory gives it; its path."""
    subprocess.run(["cpack", "-B", folder], cwd=BUILD, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=1200)
    return glob.glob(f"{folder}/seed_*_amd64.deb")[0]


def field(deb, name):
    return subprocess.run(["dpkg-deb", "-f", deb, name], capture_output=True, text=True, check=True).stdout.strip()


def wanted(deb):
    """What the package depends on, and what its user needs: for the image of a machine."""
    names = [re.split(r"[ (|]", one.strip())[0] for one in field(deb, "Depends").split(",")]
    return ",".join(sorted({*names, "openssh-client", "procps"}))


def make_newer(deb, target, version, changes, without=()):
    """The same package under another version; `changes`: {file: function from the old text to the new}, `without`: files it lacks."""
    tree = f"{target}.tree"
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    for name, change in {"DEBIAN/control": lambda text: re.sub(r"(?m)^Version: .*$", f"Version: {version}", text), **changes}.items():
        with open(f"{tree}/{name}") as file:
            text = file.read()
        assert change(text) != text, f"{name} has nothing to change"
        with open(f"{tree}/{name}", "w") as file:
            file.write(change(text))
    os.remove(f"{tree}/DEBIAN/md5sums")     # of the old files
    for name in without:
        os.remove(f"{tree}/{name}")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, target], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)


def make_former(deb, target, version):
    """The package as it was when seedd was the only service and served the sockets itself."""
    alone = lambda text: text.replace(" seed-front.service", "")
    units = "lib/systemd/system"
    seedd = lambda text: re.sub(r" --front-socket \S+| seed-front\.service", "", text)
    socket = lambda text: text.replace("Service=seed-front.service", "Service=seedd.service")
    make_newer(deb, target, version, {"DEBIAN/postinst": alone, "DEBIAN/prerm": alone, "DEBIAN/postrm": alone, f"{units}/seedd.service": seedd,
                                      f"{units}/seedd-ssh.socket": socket, f"{units}/seedd-http.socket": socket}, without=[f"{units}/seed-front.service"])


def make_disk(disk, files):
    """An erofs disk with {name: file}, and app/: a flake whose page /boot is the guest kernel's boot id."""
    tree = f"{disk}.tree"
    os.makedirs(tree)
    for name, file in files.items():
        os.link(file, f"{tree}/{name}")
    make_flake(f"{tree}/app", "hello", {"flake.nix": lambda text: text.replace(
        "mkdir -p /run/www\n", "mkdir -p /run/www; cat /proc/sys/kernel/random/boot_id > /run/www/boot\n", 1)})
    subprocess.run(["mkfs.erofs", "-T0", disk, tree], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)


# What must be the same before the package came and after it was purged.
CENSUS = r"""
echo == processes; ps -eo user:20,args --no-headers | grep -vE ' (ps -eo|\[|sort|bash|/bin/bash|env |base64|sleep|grep|systemctl)' | sort -u
echo == ports; ss -Hlntu | awk '{print $1, $5}' | sort
echo == interfaces; ip -o link | awk '{print $2}' | sort
echo == mounts; awk '{print $5}' /proc/self/mountinfo | grep -v '^/run/' | sort
echo == firewall; nft list tables 2>/dev/null
echo == control groups; find /sys/fs/cgroup -name '*seed*' 2>/dev/null | sort
echo == units; { systemctl list-units --all --no-legend --plain '*seed*'; systemctl --failed --no-legend --plain; systemctl list-unit-files --no-legend '*seed*'; } | grep -v random-seed | tr -s ' '
echo == files; find / -xdev -not -path '/proc/*' -not -path '/root/*' -not -path '/srv/*' \( -iname '*seed*' -o -uid +599999 -o -gid +599999 \) 2>/dev/null | grep -v -e random-seed -e /doc/ | sort
"""


class Host:
    """What an administrator does on a machine with the package."""

    def __init__(self, machine, deadline=180):
        self.machine, self.check, self.run, self.deadline = machine, machine.check, machine.run, deadline
        self.check("systemctl disable --now pdns >/dev/null 2>&1")     # as docs/packaging.md says
        self.before = self.census()

    def census(self):
        return self.check(CENSUS, self.deadline)

    def differences(self):
        """What is not as it was before anything was installed, as lines."""
        before, after = self.before.splitlines(), self.census().splitlines()
        return [f"gone: {line}" for line in before if line not in after] + [f"left: {line}" for line in after if line not in before]

    # The package -----------------------------------------------------------------------------------------------------------------
    def install(self, deb):
        """As unattended upgrades do it: what the administrator changed is kept without a question."""
        return self.check(f"DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold -i {deb} < /dev/null 2>&1", 4 * self.deadline)

    def up(self):
        def active():
            return self.run("systemctl is-active --quiet seedd", self.deadline)[0] == 0
        wait_for(active, lambda: f"seedd is up; its log:\n{self.log()}", self.deadline, pause=0.3)

    def log(self):
        return self.run("systemctl status --no-pager seedd seed-front seed-machines; journalctl -u seedd -u seed-front -n 60 --no-pager | grep -v ' pdns.[0-9]'", self.deadline)[1]

    def pid(self, unit="seedd"):
        return self.check(f"systemctl show -P MainPID {unit}", self.deadline).strip()

    def started_anew(self, old, what):
        """Waits until systemd has another seedd than the one of that pid, and it is up."""
        wait_for(lambda: self.pid() not in (old, "0"), lambda: f"{what}: systemd starts another seedd\n{self.log()}", self.deadline, pause=0.3)
        self.up()

    # What it serves --------------------------------------------------------------------------------------------------------------
    def seed(self, *words):
        """The answer of an operator's command."""
        return json.loads(self.check(f"seed {' '.join(words)} --json", self.deadline))

    def push(self, branch="main"):
        """Root is also a person with a key and a clone in /root/person/app, made from the disk's app/."""
        said = self.check(f"""
            set -e; cd /root/person/app; export GIT_SSH_COMMAND='ssh -i /root/person/key -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=/root/person/known_hosts -o LogLevel=ERROR'
            git push ssh://127.0.0.1:2222/app {branch} 2>&1
        """, 4 * self.deadline)
        assert "failed" not in said, f"{said}\n{self.log()}"
        return said

    def make_person(self):
        self.check("""
            set -e; mkdir -m 700 /root/person; cd /root/person; ssh-keygen -q -t ed25519 -N '' -f key
            cp -r /srv/repo/app app; cd app; git init -q -b main; git config user.name person; git config user.email person@example.org
            git add -A -f; git commit -q -m first
        """)

    def instance(self):
        return self.seed("status")["flakes"][0]["instances"][0]

    def ready(self):
        def look():
            one = self.instance()
            return one["state"] == "ready" and one["urls"] and one     # its URLs come when it is published
        try:
            return wait_for(look, "the instance is ready", 2 * self.deadline, pause=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}\n{self.run('seed status; seed events | tail -n 30', self.deadline)[1]}") from None

    def page(self, url):
        return wait_for(lambda: self.check(f"curl -sf -m 60 '{url}'", self.deadline),
                        lambda: f"{url} answers\n{self.run('ss -ltnp; seed status; seed events | tail -n 30', self.deadline)[1]}\n{self.log()}",
                        self.deadline, pause=0.3)

    def machines(self):
        """(pid and start time of every QEMU, the limits of all groups of machines), as text."""
        return self.check(r"""
            for pid in $(pgrep -x qemu-system-x86); do echo QEMU $pid $(awk '{print $22}' /proc/$pid/stat); done
            grep -H . $(find /sys/fs/cgroup -path '*/vm-*' \( -name '*.max' -o -name memory.limit_in_bytes -o -name cpu.cfs_quota_us \) | sort) < /dev/null || true
        """, self.deadline)
