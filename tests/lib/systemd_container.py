"""A Debian 12 whose PID 1 is its own systemd, in namespaces, at the speed of this machine: for units, packages and their upgrades.

    with SystemdContainer(more="nginx-light", repository=disk) as debian:
        debian.check("systemctl restart nginx")

What it sees of the machine: its kernel, a copy of the device nodes that a virtualisation platform needs, and control groups of its own:
one group of the machine per hierarchy, which its cgroup namespace shows as the root.  All groups of the machine that it makes are below
those; leftovers.py removes them.  /sys and the settings of the kernel that are not the network's are read-only.  The network has a way
out that leads nowhere: eth0, a default route, nobody at the other end.

Nothing here is a security border: root in it is the machine's root.
"""
import os

from debian_container import DebianContainer
from seed_platform import skip, wait_for

# $1: our folder, $2: the image, $3: packages as an erofs disk, $4: kind of control groups, $5...: "NAME=PATH" of our group in each
# hierarchy; NAME is what it is mounted as: a v1 hierarchy's options, "unified".
INSIDE = r"""
set -eu
folder=$1 image=$2 packages=$3 kind=$4; shift 4
cd "$folder"; hostname seedtest
ip link set lo up
# A machine with a network: without a default route there would be no way out to make for anybody.
ip link add eth0 type veth peer name nowhere; ip addr add 192.0.2.2/24 dev eth0; ip -6 addr add 2001:db8::2/64 dev eth0 nodad
ip link set eth0 up; ip link set nowhere up; ip route add default via 192.0.2.1; ip -6 route add default via 2001:db8::1
mount --make-rprivate /
mount -o loop,ro "$image" lower
mount -t overlay -o lowerdir=lower,upperdir=layer/upper,workdir=layer/work over root
# What has no place in a container, beside what the image masks already.
for unit in ssh test-agent systemd-sysctl systemd-timesyncd systemd-networkd systemd-resolved; do ln -sf /dev/null root/etc/systemd/system/$unit.service; done
mount -t proc proc root/proc
for one in kernel vm fs debug dev; do [ ! -d root/proc/sys/$one ] || mount --bind root/proc/sys/$one root/proc/sys/$one; done
for one in kernel vm fs debug dev; do [ ! -d root/proc/sys/$one ] || mount -o remount,bind,ro root/proc/sys/$one; done
[ ! -e root/proc/sysrq-trigger ] || mount --bind /dev/null root/proc/sysrq-trigger
mount -t sysfs -o ro sysfs root/sys

mount -t tmpfs -o mode=755,size=1m dev root/dev
node() { mknod -m "$1" "root/dev/$2" "$3" "$4" "$5"; }
mkdir root/dev/net root/dev/pts root/dev/shm
node 666 null c 1 3; node 666 zero c 1 5; node 666 full c 1 7; node 666 random c 1 8; node 666 urandom c 1 9; node 666 tty c 5 0
node 666 net/tun c 10 200; node 660 loop-control c 10 237
[ ! -e /dev/kvm ] || node 666 kvm c 10 232
for number in $(seq 0 255); do node 660 loop$number b 7 $number; done
for link in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2 ptmx:pts/ptmx; do ln -s "${link#*:}" "root/dev/${link%%:*}"; done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts root/dev/pts; mount -t tmpfs shm root/dev/shm
mount -t tmpfs -o mode=1777 tmp root/tmp; mount -t tmpfs -o mode=755 run root/run; mkdir -p root/run/lock root/run/host/proc
mount -t proc proc root/run/host/proc    # a whole one, as systemd-nspawn has it: without one in sight the kernel lets no user namespace mount its own
mount -o loop,ro "$packages" root/srv/repo

for hierarchy in "$@"; do echo 0 > "${hierarchy##*=}/cgroup.procs"; done
export kind folder; exec unshare --cgroup bash -euc '
[ $kind = unified ] || mount -t tmpfs -o mode=755,size=1m cgroups root/sys/fs/cgroup
for hierarchy in "$@"; do
    name=${hierarchy%=*}; point=root/sys/fs/cgroup/${name#name=}
    case $name in
        unified) if [ $kind = unified ]; then mount -t cgroup2 cgroup2 root/sys/fs/cgroup; else mkdir "$point"; mount -t cgroup2 cgroup2 "$point"; fi ;;
        name=*) mkdir "$point"; mount -t cgroup -o "none,$name" cgroup "$point" ;;
        *) mkdir "$point"; mount -t cgroup -o "$name" cgroup "$point" ;;
    esac
done
[ $kind = unified ] || mount -o remount,ro root/sys/fs/cgroup
mkdir -p root/old; pivot_root root root/old; cd /; umount -l /old; rmdir /old
echo up
exec env -i container=seed-test SEED_TEST="$folder" PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd > /dev/null 2>&1 < /dev/null
' bash "$@"
"""

def control_groups():
    """("unified" or "hybrid", [(name, mount point)] of the machine's hierarchies); ("none", []) where systemd would find nothing to use."""
    found = []
    with open("/proc/self/mounts") as mounts:
        for line in mounts:
            _, point, kind, options = line.split()[:4]
            if kind == "cgroup2":
                found.append(("unified", point))
            elif kind == "cgroup":
                flags = {"rw", "ro", "nosuid", "nodev", "noexec", "relatime", "noatime", "xattr", "clone_children"}
                found.append((",".join(word for word in options.split(",") if word not in flags and not word.startswith("release_agent=")), point))
    if os.environ.get("SEED_TEST_CGROUPS") == "unified":      # to try by hand what a machine without version 1 does
        found = [one for one in found if one[0] == "unified"]
    names = [name for name, _ in found]
    if "unified" not in names:
        return "none", []
    return ("unified" if names == ["unified"] else "hybrid"), found


class SystemdContainer(DebianContainer):
    inside = INSIDE

    def __init__(self, *, more="", repository):
        self.kind, hierarchies = control_groups()
        if self.kind == "none":
            skip("needs control groups of version 2 (a cgroup2 mount), alone or beside version 1")
        self._hierarchies = dict(hierarchies)
        super().__init__(more=more, repository=repository)
        try:
            wait_for(self._settled, lambda: f"systemd has started everything:\n{self.run('systemctl list-jobs; systemctl --failed; journalctl -n 30')[1]}", 300)
        except BaseException:
            self.close()
            raise

    def arguments(self):
        groups = []
        for name, point in self._hierarchies.items():
            group = f"{point}/{os.path.basename(self.directory)}"
            os.mkdir(group)
            for file in ("cpuset.cpus", "cpuset.mems"):     # v1: empty at first, and then nobody may enter
                if os.path.exists(f"{point}/{file}") and "cpuset" in name.split(","):
                    with open(f"{point}/{file}") as source, open(f"{group}/{file}", "w") as target:
                        target.write(source.read())
            groups.append(f"{name}={group}")
        return [self.kind, *groups]

    def _settled(self):
        return self.run("systemctl is-system-running")[1].strip() in ("running", "degraded")

    def missing_controllers(self):
        """Those of memory, pids and cpu that no hierarchy gives: their limits cannot be looked at."""
        have = {word for name in self._hierarchies for word in name.split(",")}
        with open(f"{self._hierarchies['unified']}/{os.path.basename(self.directory)}/cgroup.controllers") as file:
            have |= set(file.read().split())
        return [one for one in ("memory", "pids", "cpu") if one not in have]
