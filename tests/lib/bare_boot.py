"""Nix and QEMU by themselves, without the platform: what the benchmarks compare with, and a first look at a closure."""
import json
import os
import shutil
import socket
import subprocess
import time

from debian_guest import cached, kernel_cache, tsc_khz
from seed_platform import SOURCE

INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev; $b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t tmpfs -o mode=755,nosuid,nodev run /run
for module in /mod/*.ko; do $b insmod $module; done
$b ip link set lo up; $b ip addr add 10.0.2.15/24 dev eth0; $b ip link set eth0 up; $b ip route add default via 10.0.2.2
$b mkdir -p /new; $b mount -t tmpfs -o mode=755 root /new
$b mkdir -p /new/nix/store /new/dev /new/proc /new/sys /new/run /new/tmp /run/seed /run/booted-system/kernel-modules
$b mount -t erofs -o ro /dev/vda /new/nix/store; $b mount -t erofs -o ro /dev/vdb /run/booted-system/kernel-modules
echo SEED_INSTANCE=bare > /run/seed/env
for word in $($b cat /proc/cmdline); do case $word in seed.init=*) init=${word#seed.init=};; esac; done
for folder in dev proc sys run; do $b mount --move /$folder /new/$folder; done
exec $b switch_root -c /dev/console /new $init
"""


def boot_files():
    def make(folder):
        with open(f"{folder}/init", "w") as init:
            init.write(INIT)
        os.chmod(f"{folder}/init", 0o755)
        subprocess.run([f"{SOURCE}/tools/guest-image/build", folder, kernel_cache(), f"{folder}/init"], check=True)
        os.makedirs(f"{folder}/add/bin")
        shutil.copy("/usr/bin/busybox", f"{folder}/add/bin/busybox")
        archive = subprocess.run("find . | cpio -o -H newc --quiet -R 0:0", shell=True, cwd=f"{folder}/add", check=True, stdout=subprocess.PIPE).stdout
        with open(f"{folder}/initrd.cpio", "ab") as initrd:
            initrd.write(archive)
    return cached("bare-boot", [f"{SOURCE}/tools/guest-image/build", INIT], make)


class BareNix:
    """A store of its own below `folder`, sandbox on."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(f"{folder}/conf", exist_ok=True)
        os.makedirs(f"{folder}/home", exist_ok=True)
        with open(f"{folder}/conf/registry.json", "w") as registry:
            registry.write('{"version":2,"flakes":[]}')
        with open(f"{folder}/conf/nix.conf", "w") as conf:
            conf.write("experimental-features = nix-command flakes\nsubstituters =\nbuild-users-group =\nsandbox = true\n"
                       f"flake-registry = {folder}/conf/registry.json\n")
        self.environment = {"PATH": os.environ["PATH"], "NIX_CONF_DIR": f"{folder}/conf", "HOME": f"{folder}/home"}

    def _nix(self, *arguments):
        return subprocess.run(["nix", "--store", f"{self.folder}/store", *arguments], env=self.environment, check=True, capture_output=True,
                              text=True).stdout

    def build(self, flake, attribute):
        """The store path of the result."""
        built = self._nix("build", "--no-write-lock-file", "--no-link", "--json", f"path:{flake}#{attribute}")
        return json.loads(built)[0]["outputs"]["out"]

    def image(self, path, image):
        """The closure of a path as the erofs image that a machine mounts on /nix/store."""
        tree = f"{image}.tree"
        os.makedirs(tree)
        for member in self._nix("path-info", "-r", path).split():
            subprocess.run(["cp", "-al", f"{self.folder}/store{member}", tree], check=True)
        subprocess.run(["mkfs.erofs", "-T0", image, tree], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(tree)


class BareMachine:
    def __init__(self, image, init, console, memory=512):
        files = boot_files()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        append = ("console=ttyS0 quiet reboot=t panic=-1 random.trust_cpu=on 8250.nr_uarts=1 audit=0 apparmor=0 edd=off cryptomgr.notests "
                  "no_timer_check systemd.journald.forward_to_console=1 mitigations=off nokaslr tsc=reliable "
                  "initcall_blacklist=init_kprobe_trace,slab_sysfs_init,msr_init,add_pcspkr,vga_arb_device_init "
                  f"tsc_early_khz={tsc_khz()} seed.init={init}")
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-no-reboot", "-M", "microvm",
             "-global", "virtio-mmio.force-legacy=false", "-accel", "tcg,thread=multi,tb-size=64", "-cpu", "qemu64", "-m", str(memory),
             "-serial", f"file:{console}", "-kernel", f"{files}/vmlinux", "-initrd", f"{files}/initrd.cpio", "-append", append,
             "-netdev", f"user,id=n0,hostfwd=tcp:127.0.0.1:{self.port}-:80", "-device", "virtio-net-device,netdev=n0",
             "-drive", f"if=none,id=d0,file={image},format=raw,readonly=on", "-device", "virtio-blk-device,drive=d0",
             "-drive", f"if=none,id=d1,file={files}/modules.erofs,format=raw,readonly=on", "-device", "virtio-blk-device,drive=d1"],
            stdin=subprocess.DEVNULL)

    def wait_http(self, deadline=120):
        """Seconds until the first "HTTP/1.x 200"; slirp accepts before the guest listens, so short patience and again."""
        begin = time.monotonic()
        while time.monotonic() - begin < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    connection.settimeout(0.15)
                    connection.sendall(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
                    if b" 200 " in connection.recv(64):
                        return time.monotonic() - begin
            except OSError:
                pass
            time.sleep(0.01)
        raise AssertionError(f"no HTTP answer in {deadline} s")

    def close(self):
        self.process.kill()
        self.process.wait()
