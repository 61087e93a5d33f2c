"""A bare Debian 12 in namespaces of its own, at the speed of this machine: for what needs a fresh Debian but neither systemd
(SystemdContainer) nor a kernel of its own (DebianGuest, in emulation).

    with DebianContainer(more="sudo", repository=disk) as debian:   # disk: by package_disk
        status, output = debian.run("apt-get update")

The image is that of DebianGuest, with a layer above it that goes with the container.  Root in it is the machine's root, so that loop
devices, control groups and network namespaces are the real ones.
"""
import os
import shutil
import subprocess
import tempfile

from debian_guest import guest_files
from seed_platform import needs, wait_for
import leftovers

# $1: our folder, $2: the image, $3: packages as an erofs disk.  pivot_root and not chroot: in a chroot the kernel gives nobody a user namespace.
INSIDE = r"""
set -eu
cd "$1"; hostname seedtest; ip link set lo up
mount --make-rprivate /
mount -o loop,ro "$2" lower
mount -t overlay -o lowerdir=lower,upperdir=layer/upper,workdir=layer/work over root
mount -t proc proc root/proc; mount --rbind /sys root/sys; mount --rbind /dev root/dev
mount -t tmpfs none root/tmp; mount -t tmpfs none root/run; mkdir -p root/run/lock
mknod -m 666 tun c 10 200; mount --bind tun root/dev/net/tun      # everybody's, as udev makes it
mount -t devpts -o newinstance,ptmxmode=0666 devpts root/dev/pts
mount -o loop,ro "$3" root/srv/repo
mkdir -p root/old; pivot_root root root/old; cd /; umount -l /old; rmdir /old
echo up; while sleep 86400; do :; done < /dev/null      # a shell: it reaps what lost its parent
"""


class DebianContainer:
    inside = INSIDE     # says "up" on a line of its own when it is

    def __init__(self, *, more="", repository):
        needs(root=True, programs=["unshare", "nsenter", "mmdebstrap"])
        self.directory = tempfile.mkdtemp(prefix="seed-test-", dir="/tmp")
        self._watchdog = leftovers.watch(self.directory)
        for name in ("lower", "root", "layer/upper", "layer/work"):
            os.makedirs(f"{self.directory}/{name}")
        os.chmod(self.directory, 0o755)
        image = f"{guest_files(more)}/guest.erofs"
        self.process = subprocess.Popen(["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "bash", "-c", self.inside, "bash",
                                         self.directory, image, repository, *self.arguments()],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self.process.stdout.readline()
        if line.strip() != "up":
            said = line + self.process.stdout.read()
            self.close()
            raise AssertionError(f"the container does not start: {said}")
        self.init = wait_for(self._child, "the container's first process is there", 10)

    def arguments(self):
        """More words for the script, from $4 on."""
        return []

    def _child(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            return int(children.read().split()[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.kill()       # and by --kill-child everything in it
        self.process.wait()
        self.process.stdout.close()
        leftovers.remove_all(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)
        if self._watchdog is not None:
            os.close(self._watchdog)
            self._watchdog = None

    def path(self, inside):
        """Where the host sees a path of it."""
        return f"/proc/{self.init}/root{inside}"

    def run(self, script, deadline=600):
        """(exit status, output) of a bash script run by its root."""
        done = subprocess.run(["nsenter", f"--target={self.init}", "--mount", "--cgroup", "--net", "--pid", "--ipc", "--uts", "--root", "--wdns=/", "env", "-i",
                               "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", f"SEED_TEST={self.directory}", "bash", "-c", script],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=deadline)
        return done.returncode, done.stdout

    def check(self, script, deadline=600):
        status, output = self.run(script, deadline)
        assert status == 0, f"{script}\nended with {status}:\n{output}"
        return output
