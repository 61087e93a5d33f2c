#!/usr/bin/env python3
"""seed-nix-box as root: one store at a time, nothing left behind when it is killed, a remark where there is no disk limit."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

if os.geteuid() != 0:
    print("skipped: needs root (mounts, loop devices)")
    sys.exit(77)
BOX = pathlib.Path(os.environ.get("SEED_BUILD", "build")) / "bin" / "seed-nix-box"


def until(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.01)


def loops(state):
    """Loop devices that hold this store's image."""
    found = []
    for path in pathlib.Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            if path.read_text().strip() == str(state / "store.img"):
                found.append(path)
    return found


def descendants(pid):
    children, known = {}, []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    todo = [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            known.append(child)
            todo.append(child)
    return known


def gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def command(state, *words, size=64 << 20):
    return [BOX, "--state", str(state), "--store-bytes", str(size), *words]


with tempfile.TemporaryDirectory(prefix="seed-box-") as name:
    room = pathlib.Path(name)

    # The host's mounts are as before, also while a box runs; inside there is no uid of the host and no interface but lo.
    before = pathlib.Path("/proc/self/mounts").read_text()
    state = room / "one"
    holder = subprocess.Popen(command(state, "--", "sleep", "1000"))
    try:
        until(lambda: loops(state) and len(descendants(holder.pid)) == 2, "the box runs")
        assert pathlib.Path("/proc/self/mounts").read_text() == before, "a mount of the box is seen outside"
        inside = descendants(holder.pid)[-1]
        status = pathlib.Path(f"/proc/{inside}/status").read_text()
        assert "Uid:\t600000\t600000" in status and "NoNewPrivs:\t1" in status, status
        network = pathlib.Path(f"/proc/{inside}/net/dev").read_text().splitlines()[2:]
        assert [line.split(":")[0].strip() for line in network] == ["lo"], network
        assert os.listdir(f"/proc/{inside}/fd") and sorted(os.listdir(f"/proc/{inside}/fd")) == ["0", "1", "2"]

        # A second box of the same store waits, and says so when its patience ends.
        second = subprocess.run(command(state, "--wait", "1", "--", "true"), capture_output=True, text=True, timeout=60)
        assert second.returncode == 125 and "in use by another box" in second.stderr, second

        # Killed: all of it dies, the device is let go, and the next box finds the store whole.
        members = descendants(holder.pid)
        holder.kill()
        holder.wait()
        until(lambda: all(gone(pid) for pid in members), "the box dies with its launcher")
        until(lambda: not loops(state), "the loop device is released")
    finally:
        holder.kill()
        holder.wait()
    subprocess.run(command(state, "--", "touch", "/nix/kept"), check=True, timeout=60)
    subprocess.run(command(state, "--", "ls", "/nix/kept"), check=True, timeout=60, stdout=subprocess.DEVNULL)

    # Killed again and again at any moment: never a damaged store, never a device left.
    for moment in (0, 0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02):
        box = subprocess.Popen(command(room / "killed", "--", "dd", "if=/dev/zero", "of=/nix/data", "bs=1M"), stderr=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            box.wait(moment)
        box.send_signal(signal.SIGKILL)
        box.wait()
    until(lambda: not loops(room / "killed"), "no loop device is left")
    subprocess.run(command(room / "killed", "--", "true"), check=True, timeout=60)
    until(lambda: not loops(room / "killed"), "no loop device is left")
    checked = subprocess.run(["e2fsck", "-f", "-n", room / "killed" / "store.img"], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout

    # The disk is limited: in bytes and in files.
    full = subprocess.run(command(room / "full", "--", "dd", "if=/dev/zero", "of=/nix/data", "bs=1M"), capture_output=True, text=True, timeout=60)
    assert full.returncode != 0 and "No space left" in full.stderr, full
    assert (room / "full" / "store.img").stat().st_blocks * 512 <= 65 << 20

    # Without loop devices: a plain folder, and a remark.  A private mount hides the device from this one box.
    plain = subprocess.run(["unshare", "-m", "sh", "-c", 'mount --bind /dev/null /dev/loop-control && exec "$@"', "sh",
                            *command(room / "plain", "--", "touch", "/nix/x")], capture_output=True, text=True, timeout=60)
    assert plain.returncode == 0 and "seed-nix-box: remark: no disk limit: no loop device" in plain.stderr, plain
    assert (room / "plain/plain/nix/x").stat().st_uid == 600000

    # Bad arguments are a line and a status.
    for words in ([], ["--"], ["nonsense"], ["--source", "../x", "--", "true"], ["--source", "absent", "--", "true"],
                  ["unpack", "..", "1"], ["unpack", "x", "many"], ["collect", "x"], ["build", "--", "a-b"]):
        bad = subprocess.run(command(room / "bad", *words), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert bad.returncode == 125 and bad.stderr.startswith("seed-nix-box: "), (words, bad)

    # Hostile archives: nothing outside the source, nothing over the size.
    import io
    import tarfile
    def archive(*members):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar:
            for member, content in members:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return stream.getvalue()
    def member(path, kind=tarfile.REGTYPE, target=""):
        info = tarfile.TarInfo(path)
        info.type, info.linkname, info.mode, info.uid = kind, target, 0o4777, 0
        return info
    def unpack(tree, data, size=1 << 20):
        return subprocess.run(command(room / "tar", "unpack", tree, str(size)), input=data, capture_output=True, timeout=60)
    good = unpack("good", archive((member("./flake.nix"), b"{ }")))
    assert good.returncode == 0 and good.stdout == b"flake.nix 3\n{ }", good
    climbs = unpack("climbs", archive((member("../../nix/climbed"), b"x"), (member("flake.nix"), b"{ }")))
    through = unpack("through", archive((member("l", tarfile.SYMTYPE, "/nix"), b""), (member("l/through"), b"x")))
    device = unpack("device", archive((member("d", tarfile.BLKTYPE), b"")))
    large = unpack("large", archive((member("big"), b"x" * (2 << 20))))
    assert large.returncode == 125 and b"limit: the source is larger than" in large.stderr, large
    short = unpack("short", archive((member("flake.nix"), b"{ }" * 1000))[:2000])
    assert short.returncode == 125 and b"the source ended too early" in short.stderr, short
    listing = subprocess.run(command(room / "tar", "--", "find", "/nix", "-name", "climbed", "-o", "-name", "through"), capture_output=True, text=True, timeout=60)
    assert listing.stdout == "", (listing, climbs, through, device)
    setuid = subprocess.run(command(room / "tar", "--source", "good", "--", "find", "/src", "-perm", "/6000"), capture_output=True, text=True, timeout=60)
    assert setuid.stdout == "" and setuid.returncode == 0, setuid
print("ok")
