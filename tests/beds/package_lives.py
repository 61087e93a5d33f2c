#!/usr/bin/env python3
"""The whole life of the Debian package under a real systemd: it installs and serves without an edit, a pushed flake answers; a restart,
a kill, a hang and an upgrade of seedd touch no machine; what the administrator edited stays; removed it leaves the data, installed
again everything is back, purged nothing is left; and a second machine made from a backup serves what the first one did.

In containers whose PID 1 is Debian's systemd (tests/lib/systemd_container.py).
"""
import json
import os
import re
import shutil
import tempfile
import time

import schemas
from package_host import Host, field, make_disk, make_former, make_newer, make_package, wanted
from seed_platform import needs, skip, wait_for
from systemd_container import SystemdContainer

needs(root=True, programs=["cpack", "dpkg-deb", "mkfs.erofs", "mmdebstrap", "unshare", "nsenter"])
if os.environ.get("SEED_SANITIZED"):
    skip("nobody ships a package with sanitizers; what its programs do is in the other tests")
NEWER = "99.1-1"
started = time.monotonic()


def tell(what):
    print(f"{time.monotonic() - started:5.0f} s  {what}", flush=True)


def installed_and_serving(host, deb):
    host.install("/srv/repo/first.deb")
    host.up()
    assert host.check("systemctl is-active seedd seed-front seed-machines; systemctl is-enabled seedd seed-front").split() == ["active"] * 3 + ["enabled"] * 2
    assert host.run("systemctl is-enabled seedd-ssh.socket seedd-http.socket")[1].split() == ["disabled", "disabled"]
    assert "serving seed.localhost" in host.check("systemctl show -P StatusText seedd")
    assert '"ok":true' in host.check("curl -sf http://127.0.0.1:8080/health").replace(" ", "")
    assert host.seed("version")["seedd"] == field(deb, "Version").split("-")[0]
    verified = host.check("systemd-analyze verify --man=no seedd.service seed-front.service seed-machines.service seedd-ssh.socket seedd-http.socket 2>&1")
    assert verified.strip() == "", verified
    completed = host.check("test -s /usr/share/zsh/vendor-completions/_seed && test -s /usr/share/fish/vendor_completions.d/seed.fish && "
                           "bash -ec '. /usr/share/bash-completion/completions/seed; COMP_WORDS=(seed stat) COMP_CWORD=1; _seed; echo $COMPREPLY'")
    assert completed.strip() == "status", completed
    said = host.check("journalctl -u seedd --no-pager")
    assert "no way out" not in said, said
    missing = host.machine.missing_controllers()
    if missing:
        print(f"no controller {', '.join(missing)} in the groups of this machine: limits are not looked at")
    else:
        assert "no limits" not in said and "no memory limit" not in said, said


def devices_are_there(host):
    """/dev/kvm and loop devices may be used in the group of machines and builds; in a tree of version 2 systemd's rules for it hold there."""
    assert host.check("systemctl show -p DevicePolicy -p DeviceAllow seed-machines").split() == ["DevicePolicy=auto"]
    host.check("""
        set -e; group=$(find /sys/fs/cgroup /sys/fs/cgroup/unified -maxdepth 2 -path '*/system.slice/seed-machines.service' | head -n 1); mkdir $group/looks
        bash -ec "echo \$\$ > $group/looks/cgroup.procs; mknod -m 600 /run/loop-control c 10 237; : < /run/loop-control; mknod /run/kvm c 10 232"
        rm /run/loop-control /run/kvm; rmdir $group/looks
    """)


class Untouched:
    """The machine as it is now, to be compared with what it is later."""

    def __init__(self, host):
        self.host, self.ready = host, host.ready()
        self.url = self.ready["urls"][0]
        self.boot_id, self.machines = host.page(f"{self.url}boot"), host.machines()
        assert len(re.findall(r"(?m)^QEMU \d+ \d+$", self.machines)) == 1, self.machines
        if not host.machine.missing_controllers():
            for limit in (r"memory\S*:\d+", r"pids\.max:\d+"):
                assert re.search(limit, self.machines), f"no limit {limit} among\n{self.machines}"

    def still(self, what):
        self.host.up()
        now = self.host.ready()
        assert now["boot"] == self.ready["boot"] and now["uptime_ms"] > self.ready["uptime_ms"], f"{what}: {self.ready} became {now}"
        assert self.host.page(f"{self.url}boot") == self.boot_id, f"{what}: the machine was booted anew"
        assert self.host.machines() == self.machines, f"{what}: the machines or their limits changed:\n{self.machines}\n{self.host.machines()}"
        tell(f"{what}: the machine is as it was")


def one_id_in_the_journal(host):
    """All that happened to a push, by the id that `events` tells: from the session that took it to the runtime that booted it."""
    events = [json.loads(line) for line in host.check("seed events --json").splitlines()]
    call = next(one["call"] for one in events if one["type"] == "pushed")
    entries = lambda: [json.loads(line) for line in host.check(f"journalctl -o json --no-pager SEED_CALL={call}").splitlines()]
    # The session's last words come when git has gone.
    wait_for(lambda: {"seedd", "seed-session"} <= {one["SYSLOG_IDENTIFIER"] for one in entries()},
             lambda: f"the journal has what seedd and seed-session said of {call}: {[one['MESSAGE'] for one in entries()]}", 60)
    assert [one for one in entries() if one["MESSAGE"].endswith(": deployed")], entries()


def only_the_front_listens(host):
    """seedd, which may do what root may, has no TCP socket; who has is where the unit and the program itself put it."""
    mine = host.check("ss -Hltnp 'sport = :2222 or sport = :8080'")
    assert f"pid={host.pid('seed-front')}," in mine and f"pid={host.pid()}," not in mine, mine
    status = host.check(f"cat /proc/{host.pid('seed-front')}/status")
    assert re.search(r"(?m)^Uid:\s+665904\s", status) and re.search(r"(?m)^CapBnd:\s+0+1e0$", status), status     # KILL, SETGID, SETUID, SETPCAP
    assert host.check(f"readlink /proc/{host.pid('seed-front')}/ns/net") != host.check("readlink /proc/1/ns/net")


def greets(host):
    """By SSH, in a while."""
    wait_for(lambda: "ssh-ed25519 AAAA" in host.run("ssh-keyscan -T 60 -t ed25519 -p 2222 127.0.0.1 2> /dev/null")[1], lambda: f"it greets\n{host.log()}", 120)


def front_dies(host, machine):
    """systemd starts another one, seedd stays and serves through it; and the other way round it stays when seedd is started anew."""
    front, seedd = host.pid("seed-front"), host.pid()
    host.check("systemctl kill --kill-whom=main -s KILL seed-front")
    wait_for(lambda: host.pid("seed-front") not in (front, "0"), "systemd starts another seed-front", 60)
    greets(host)
    assert host.pid() == seedd, "seedd did not survive it"
    machine.still("seed-front killed")
    front = host.pid("seed-front")
    host.check("systemctl restart seedd")
    machine.still("restarted")
    greets(host)
    assert host.pid("seed-front") == front, "seed-front was started anew with seedd"
    tell("seed-front and seedd outlive each other")


def hangs(host):
    """Without a sign of life systemd ends it and starts another; 15 s instead of 60."""
    host.check("mkdir -p /run/systemd/system/seedd.service.d; printf '[Service]\\nWatchdogSec=15\\n' > /run/systemd/system/seedd.service.d/test.conf; "
               "systemctl daemon-reload; systemctl restart seedd")
    host.up()
    before = host.pid()
    host.check(f"kill -STOP {before}")
    host.started_anew(before, "hung")
    assert "Watchdog timeout" in host.check("journalctl -u seedd --no-pager")
    host.check("rm -r /run/systemd/system/seedd.service.d; systemctl daemon-reload")


def ports_held_by_systemd(host, services="seed-front seedd"):
    """Who connects while seedd is away waits and is served, by ssh and by HTTP."""
    for kind, port in (("ssh", 2222), ("http", 8080)):
        host.check(f"mkdir -p /etc/systemd/system/seedd-{kind}.socket.d; printf '[Socket]\\nListenStream=\\nListenStream=127.0.0.1:{port}\\n' "
                   f"> /etc/systemd/system/seedd-{kind}.socket.d/port.conf")
    host.check(f"systemctl daemon-reload; systemctl stop {services}; systemctl enable --now seedd-ssh.socket seedd-http.socket 2>&1")
    # Nobody is there: the first who comes brings seedd, and both wait for it.
    both = host.check("""
        ssh-keyscan -T 120 -t ed25519 -p 2222 127.0.0.1 > /tmp/greeted 2>&1 & greeted=$!
        curl -sf -m 120 http://127.0.0.1:8080/health || exit 1
        wait $greeted && cat /tmp/greeted
    """)
    assert '"ok":true' in both.replace(" ", "") and "ssh-ed25519 AAAA" in both, both
    host.up()
    tell("ports held by systemd: who came while seedd was down was served")


# Asks one page after the other; whoever is refused or left alone ends it.
ASK_ON = """
    rm -f /tmp/asked; systemd-run --quiet --unit=asking bash -c \
        'while curl -sf -m 120 http://127.0.0.1:8080/health > /dev/null; do echo >> /tmp/asked; done; echo refused >> /tmp/asked'
"""


def upgraded(host, machine):
    """To a version whose default configuration differs, while somebody asks all the time."""
    host.check("echo '# mine' >> /etc/seed/seed.yaml; chmod 640 /etc/seed/seed.yaml")
    mine, before = host.check("cat /etc/seed/seed.yaml; stat -c %a /etc/seed/seed.yaml"), host.pid()
    host.check(ASK_ON)
    wait_for(lambda: host.run("test -s /tmp/asked")[0] == 0, "somebody asks", 60)
    said = host.install("/srv/repo/second.deb")
    host.up()
    assert host.pid() != before, "the new version is not what runs"
    assert host.check("dpkg-query -W -f '${Version} ${db:Status-Status}' seed") == f"{NEWER} installed"
    assert host.check("cat /etc/seed/seed.yaml; stat -c %a /etc/seed/seed.yaml") == mine, "the upgrade changed what the administrator wrote"
    assert "a newer default" in host.check("cat /etc/seed/seed.yaml.dpkg-dist"), said
    machine.still("upgraded")
    so_far = host.check("wc -l < /tmp/asked")
    wait_for(lambda: host.check("wc -l < /tmp/asked") != so_far, "somebody asks on", 60)
    assert "refused" not in host.check("cat /tmp/asked; systemctl stop asking"), "a connection was refused during the upgrade"
    tell("while it was upgraded nobody was refused")


def saved(host, machine, folder):
    """A backup with volumes while everything runs, of an instance that rests; and what must come back."""
    host.seed("stop", "app/hello")
    wait_for(lambda: host.instance()["state"] == "stopped", lambda: f"the instance rests: {host.instance()}", 180)
    facts = schemas.one("backup", host.check("seed backup --volumes --json /root/seed.tar", 180))
    assert facts["volumes"] == 1 and facts["inconsistent"] == [], facts
    shutil.copy(host.machine.path("/root/seed.tar"), f"{folder}/seed.tar")
    shutil.copytree(host.machine.path("/root/person"), f"{folder}/person", symlinks=True)
    host.seed("start", "app/hello")
    now = host.ready()
    assert now["urls"] == machine.ready["urls"], f"who rests keeps his port: {machine.ready['urls']} became {now['urls']}"
    return now


def upgraded_from_the_former_layout(host):
    """One in which seedd served the sockets itself; they were held by systemd, and somebody asks all the time."""
    host.install("/srv/repo/former.deb")
    host.up()
    assert host.run("systemctl cat seed-front")[0] != 0, "the former package has no such unit"
    ports_held_by_systemd(host, services="seedd")
    host.check(ASK_ON)
    wait_for(lambda: host.run("test -s /tmp/asked")[0] == 0, "somebody asks", 60)
    host.install("/srv/repo/second.deb")
    host.up()
    assert host.check("systemctl is-active seed-front; systemctl is-enabled seed-front seedd-ssh.socket seedd-http.socket").split() == ["active"] + ["enabled"] * 3
    so_far = host.check("wc -l < /tmp/asked")
    wait_for(lambda: host.check("wc -l < /tmp/asked") != so_far, "somebody asks on", 120)
    assert "refused" not in host.check("cat /tmp/asked; systemctl stop asking"), "a connection was refused during the upgrade"
    greets(host)
    only_the_front_listens(host)
    tell("upgraded from the layout without seed-front, with the ports held by systemd: nobody was refused")


def removed(host):
    host.check("DEBIAN_FRONTEND=noninteractive dpkg -r seed < /dev/null 2>&1", 300)
    left = [line for line in host.differences() if not re.search(
        r" /(var/lib/seed|etc/seed|var/lib/dpkg/info/seed|etc/systemd/system/\S*seed(d|-front)|var/lib/systemd/deb-systemd-helper)\S*|seed(d|-front)\S* +(masked|not-found inactive)", line)]
    assert not left, "after the removal:\n" + "\n".join(left)
    host.check("test -s /var/lib/seed/core/seed.sqlite3 && grep -q mine /etc/seed/seed.yaml")
    assert host.run("test -e /usr/lib/seed -o -e /usr/bin/seed -o -e /lib/systemd/system/seedd.service")[0] == 1
    tell("removed: no process, group, port or mount is left; the data and the configuration are")


def purged(host):
    host.check("DEBIAN_FRONTEND=noninteractive dpkg -P seed < /dev/null 2>&1; rm -rf /etc/systemd/system/seedd-*.socket.d; systemctl daemon-reload", 300)
    left = host.differences()
    assert not left, "after the purge the machine is not as it was:\n" + "\n".join(left)
    tell("purged: the machine is as it was")


def restored(host, folder, instance):
    """On a machine where the package was just installed; by docs/backup.md."""
    shutil.copy(f"{folder}/seed.tar", host.machine.path("/root/seed.tar"))
    host.check("systemctl kill --kill-whom=main -s USR1 seedd && systemctl stop seedd; rm -rf /var/lib/seed; seed restore /root/seed.tar; systemctl start seedd", 300)
    host.up()
    assert host.instance()["state"] == "stopped", f"it rested when it was saved: {host.instance()}"
    host.seed("start", "app/hello")
    there = host.ready()
    assert (there["address"], there["fqdn"]) == (instance["address"], instance["fqdn"]), (instance, there)
    assert "Boot number 2 " in host.page(there["urls"][0]), "the volume is that of the backup, made after its first boot"
    shutil.copytree(f"{folder}/person", host.machine.path("/root/person"))
    # The same host key and the same owner: ssh asks nothing, and who pushed on the first machine goes on here.
    host.check("cd /root/person/app && git commit -q --allow-empty -m second", 60)
    host.push()
    host.ready()
    tell("restored on the second machine: keys, repository, address, volume and instance are there, its owner pushes on")


def purged_without_its_daemon(host):
    """At once, and with machines that no seedd can end any more."""
    host.check("systemctl kill -s KILL --kill-whom=main seedd; systemctl stop seedd; pgrep -x qemu-system-x86", 120)
    purged(host)


with tempfile.TemporaryDirectory(prefix="seed-test-package-", dir="/tmp") as folder:
    first, second, disk = make_package(f"{folder}/made"), f"{folder}/second.deb", f"{folder}/disk.erofs"
    make_newer(first, second, NEWER, {"etc/seed/seed.yaml": lambda text: text + "# a newer default\n"})
    make_former(first, f"{folder}/former.deb", "0.0.9")
    make_disk(disk, {"first.deb": first, "second.deb": second, "former.deb": f"{folder}/former.deb"})
    tell(f"{os.path.basename(first)}: {os.path.getsize(first) >> 20} MiB, {int(field(first, 'Installed-Size')) >> 10} MiB installed")

    with SystemdContainer(more=wanted(first), repository=disk) as container:
        host = Host(container)
        tell(f"the first machine is up, control groups: {container.kind}")
        installed_and_serving(host, first)
        devices_are_there(host)
        tell("installed, enabled and serving")

        host.make_person()
        host.push()
        machine = Untouched(host)
        assert "Boot number 1 " in host.page(machine.url)
        tell("pushed, and the instance answers\n" + machine.machines)

        one_id_in_the_journal(host)
        tell("the journal has one id for the push")

        only_the_front_listens(host)
        front_dies(host, machine)
        before = host.pid()
        host.check("systemctl kill --kill-whom=main -s KILL seedd")
        host.started_anew(before, "killed")
        machine.still("killed")
        hangs(host)
        machine.still("hung")
        ports_held_by_systemd(host)
        machine.still("started by a connection")
        upgraded(host, machine)

        before_backup = saved(host, machine, folder)
        assert "Boot number 2 " in host.page(machine.url)
        tell("saved")
        removed(host)
        host.install("/srv/repo/second.deb")
        host.up()
        again = host.ready()
        assert (again["address"], again["urls"]) == (before_backup["address"], before_backup["urls"]), (before_backup, again)
        assert "Boot number 3 " in host.page(machine.url)
        tell("installed again: the repository, the address and the volume are back, the instance answers")
        purged(host)

    with SystemdContainer(more=wanted(first), repository=disk) as container:
        host = Host(container)
        tell("the second machine is up")
        upgraded_from_the_former_layout(host)
        restored(host, folder, before_backup)
        purged_without_its_daemon(host)
