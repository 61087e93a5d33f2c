"""A Debian 12 machine with systemd in QEMU, for what needs a machine of its own: units, low ports, cgroup v2, package installs.

    with DebianGuest() as guest:              # restored from a saved state when there is one: half a second
        status, output = guest.run("systemctl is-system-running; exit 7")

The image is built once (about 40 s) and kept below SEED_CACHE (default: cache/ in the build directory) by the hash of its script.
"""
import base64
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

from seed_platform import BUILD, SOURCE, needs, wait_for
import leftovers

CACHE = os.environ.get("SEED_CACHE") or f"{BUILD}/cache"


@contextlib.contextmanager
def only_one(name):
    """Tests run in parallel, a thing in the cache is made by one of them."""
    os.makedirs(CACHE, exist_ok=True)
    with open(f"{CACHE}/{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached(kind, sources, make):
    """The folder CACHE/KIND-HASH of the sources' contents; make(folder) fills it when it is not there yet."""
    mark = hashlib.sha256()
    for source in sources:
        mark.update(open(source, "rb").read() if os.path.isfile(source) else str(source).encode())
    folder = f"{CACHE}/{kind}-{mark.hexdigest()[:16]}"
    with only_one(kind):
        if not os.path.exists(f"{folder}/done"):
            fresh = folder + ".new"
            shutil.rmtree(fresh, ignore_errors=True)
            os.makedirs(fresh)
            make(fresh)
            open(f"{fresh}/done", "w").close()
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(fresh, folder)
    return folder


def kernel_cache():
    """Shared with the product's guest image, so that the kernel is fetched once."""
    for line in open(f"{BUILD}/CMakeCache.txt") if os.path.exists(f"{BUILD}/CMakeCache.txt") else ():
        if line.startswith("SEED_GUEST_CACHE:"):
            return line.split("=", 1)[1].strip()
    return f"{CACHE}/kernel"


def guest_files(more=""):
    needs(root=True, programs=["mmdebstrap", "mkfs.erofs", "qemu-system-x86_64", "cpio", "lz4", "depmod", "/usr/bin/busybox"])
    script = f"{SOURCE}/tests/beds/build_debian_guest.sh"

    def make(folder):
        with open(f"{folder}/build.log", "w") as log:
            made = subprocess.run([script, folder, kernel_cache(), SOURCE, more], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        if made.returncode != 0:
            raise AssertionError(f"{script} failed:\n{open(f'{folder}/build.log', errors='replace').read()[-3000:]}")

    return cached("debian-guest", [script, f"{SOURCE}/tools/guest-image/build", f"more {more}"], make)


def package_disk(guest_folder, disk, packages, extra_debs=()):
    """An erofs disk with the packages the guest lacks for these, and an index; see DebianGuest.install."""
    with tempfile.TemporaryDirectory(prefix="seed-test-repo-") as repo:
        os.makedirs(f"{repo}/partial")
        subprocess.run(["apt-get", "-qq", "-y", "--download-only", "--no-install-recommends", "-o", f"Dir::State::status={guest_folder}/dpkg-status",
                        "-o", f"Dir::Cache::archives={repo}", "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1", "install",
                        *packages], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(f"{repo}/partial")
        for name in ("lock",):
            if os.path.exists(f"{repo}/{name}"):
                os.remove(f"{repo}/{name}")
        for deb in extra_debs:
            shutil.copy(deb, repo)
        with open(f"{repo}/Packages", "w") as index:
            subprocess.run(["apt-ftparchive", "packages", "."], cwd=repo, stdout=index, check=True)
        subprocess.run(["mkfs.erofs", "-T0", disk, repo], check=True, stdout=subprocess.DEVNULL)


def tsc_khz():
    """The guest cannot measure its clock under load: it is told.  /proc/cpuinfo's figure is rounded, good enough for tests."""
    for line in open("/proc/cpuinfo"):
        if line.startswith("cpu MHz"):
            return int(float(line.split(":")[1]) * 1000)
    return 2000000


class DebianGuest:
    def __init__(self, *, more="", disks=(), memory=512, processors=1, ports=(22,), saved=None):
        """`saved`: a name; the first guest of that name boots and is saved when save() is called, later ones are restored."""
        self.files = guest_files(more)
        self.directory = tempfile.mkdtemp(prefix="seed-test-", dir="/tmp")
        self._watchdog = leftovers.watch(self.directory)
        self.disks, self.memory, self.processors, self.ports = list(disks), memory, processors, {port: self._free_port() for port in ports}
        self.state = f"{self.files}/{saved}.state" if saved else None
        self.restored = bool(self.state and os.path.exists(self.state))
        self.process = self._qmp = self._control = None
        self._count = 0
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    def _free_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def _start(self):
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{host}-:{guest}" for guest, host in self.ports.items())
        append = (f"console=ttyS0 quiet tsc_early_khz={tsc_khz()} tsc=reliable cryptomgr.notests mitigations=off nokaslr no_timer_check "
                  "reboot=t panic=-1 random.trust_cpu=on 8250.nr_uarts=1 audit=0 apparmor=0")
        command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-no-reboot",
                   "-serial", f"file:{self.directory}/serial.log", "-M", "microvm", "-global", "virtio-mmio.force-legacy=false",
                   "-accel", "tcg,thread=multi", "-cpu", "qemu64", "-m", str(self.memory), "-smp", str(self.processors),
                   "-kernel", f"{self.files}/vmlinux", "-initrd", f"{self.files}/initrd.cpio", "-append", append,
                   "-netdev", "user,id=n0" + forwards, "-device", "virtio-net-device,netdev=n0",
                   "-chardev", f"socket,id=c0,path={self.directory}/control,server=on,wait=off", "-device", "virtio-serial-device,max_ports=4",
                   "-device", "virtserialport,chardev=c0,name=test.control", "-device", "virtio-rng-device",
                   "-qmp", f"unix:{self.directory}/qmp,server=on,wait=off"]
        for index, disk in enumerate([f"{self.files}/guest.erofs", f"{self.files}/modules.erofs", *self.disks]):
            command += ["-drive", f"if=none,id=d{index},file={disk},format=raw,cache=unsafe,readonly=on", "-device", f"virtio-blk-device,drive=d{index}"]
        if self.restored:
            command += ["-incoming", f"exec:cat {self.state}"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=open(f"{self.directory}/qemu.log", "w"))
        if self.restored:
            wait_for(lambda: self.qmp("query-status")["status"] not in ("inmigrate",), "the saved state is loaded", 60, pause=0.005)
            self.qmp("cont")
        self._connect()
        if self.restored:
            self.run(f"date -s @{time.time():.0f}")   # it stands at the moment of the save
        else:
            self._control.settimeout(300)   # a boot takes 5 to 10 s on a quiet machine
            line = self._lines.readline()
            assert line == b"UP\n", f"the guest said {line!r} instead of UP; console:\n{self.console()[-3000:]}"

    def _connect(self):
        def connect():
            assert self.process.poll() is None, f"QEMU ended: {open(f'{self.directory}/qemu.log').read()}"
            control = socket.socket(socket.AF_UNIX)
            control.connect(f"{self.directory}/control")
            return control
        self._control = wait_for(connect, "the guest's control channel", 30, pause=0.005)
        self._lines = self._control.makefile("rb")

    def run(self, script, timeout=300):
        """Runs a bash script as root: (exit status, output).  Redirect what it leaves in the background."""
        self._count += 1
        self._control.settimeout(timeout)
        self._control.sendall(b"%d %s\n" % (self._count, base64.b64encode(script.encode())))
        number, status, *output = self._lines.readline().split()
        assert int(number) == self._count, "an answer to another command"
        return int(status), base64.b64decode(output[0]).decode(errors="replace") if output else ""

    def check(self, script, timeout=300):
        status, output = self.run(script, timeout)
        assert status == 0, f"in the guest, status {status} of:\n{script}\n{output}"
        return output

    def install(self, *packages):
        """From the first extra disk, made by package_disk."""
        self.check("mountpoint -q /srv/repo || mount -t erofs -o ro /dev/vdc /srv/repo; apt-get update -qq", 120)
        self.check("DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends " + " ".join(packages), 600)

    def put(self, source, target):
        """Copies a file into the guest (over ssh)."""
        with open(source, "rb") as file:
            copied = subprocess.run(self.ssh_command(f"cat > '{target}' && chmod {os.stat(source).st_mode & 0o777:o} '{target}'"), stdin=file,
                                    capture_output=True, timeout=300)
        assert copied.returncode == 0, copied.stderr.decode(errors="replace")

    def get(self, source, target):
        """Copies a file out of the guest (over ssh)."""
        with open(target, "wb") as file:
            copied = subprocess.run(self.ssh_command(f"cat '{source}'"), stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE, timeout=300)
        assert copied.returncode == 0, copied.stderr.decode(errors="replace")

    def ssh_command(self, command):
        return ["ssh", "-q", "-F", "none", "-i", f"{self.files}/key", "-p", str(self.ports[22]), "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "root@127.0.0.1", command]

    def console(self):
        with open(f"{self.directory}/serial.log", errors="replace") as file:
            return file.read()

    def qmp(self, command, **arguments):
        if self._qmp is None:
            def connect():
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(f"{self.directory}/qmp")
                return connection
            self._qmp_socket = wait_for(connect, "QEMU's monitor", 30, pause=0.003)
            self._qmp_socket.settimeout(60)
            self._qmp = self._qmp_socket.makefile("rb")
            self._qmp.readline()
            self.qmp("qmp_capabilities")
        request = {"execute": command, **({"arguments": arguments} if arguments else {})}
        self._qmp_socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = json.loads(self._qmp.readline())
            if "error" in answer:
                raise AssertionError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def save(self):
        """Saves the machine under its name for later guests, and ends this one."""
        self._lines.close()
        self._control.close()                 # never while somebody is connected, never in the middle of a command
        self.qmp("stop")
        self.qmp("migrate-set-parameters", **{"max-bandwidth": 1 << 36})
        fresh = f"{self.state}.{os.getpid()}"
        self.qmp("migrate", uri=f"exec:cat > {fresh}")
        end = wait_for(lambda: next((s for s in [self.qmp("query-migrate").get("status")] if s in ("completed", "failed")), None),
                       "the state is saved", 120, pause=0.01)
        assert end == "completed", f"saving {end}"
        os.rename(fresh, self.state)
        self.close()

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
        if self._watchdog is not None:
            os.close(self._watchdog)
            self._watchdog = None
