"""What a platform under test may leave on the machine, how to see it and how to remove it.

Everything a test's platform does lies below one directory with an unmistakable name, and every process of it is started with
SEED_TEST=that directory.  Run as a program (`leftovers.py DIR`) this file is the watchdog: it waits until the test that holds the
other end of its standard input is gone, however it went, and then removes what is left.
"""
import contextlib
import errno
import glob
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _link(path):
    try:
        return os.readlink(path).encode()
    except OSError:
        return b""


def parents():
    """pid -> parent pid of everything that runs."""
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = _read(f"/proc/{entry}/stat")
            if stat:
                fields = stat.rsplit(b")", 1)[1].split()
                if fields[0] != b"Z":
                    table[int(entry)] = int(fields[1])
    return table


def processes(directory):
    """Pids of processes that name the directory in arguments, environment or working directory, and of what they started."""
    mark, table = directory.encode(), parents()
    found = set()
    for pid in table:
        if pid == os.getpid() or b"leftovers.py" in _read(f"/proc/{pid}/cmdline"):
            continue
        if any(mark in text for text in (_read(f"/proc/{pid}/cmdline"), _read(f"/proc/{pid}/environ"), _link(f"/proc/{pid}/cwd"))):
            found.add(pid)
    grown = True
    while grown:
        more = {pid for pid, parent in table.items() if parent in found and pid not in found and pid != os.getpid()}
        found |= more
        grown = bool(more)
    return found


def describe(pid):
    return f"{pid} {_read(f'/proc/{pid}/cmdline').replace(bytes(1), b' ').decode(errors='replace')[:160]}"


def platform_id(directory):
    """The name under which this platform marks what is its own, from its database; None before there is one."""
    for file in glob.glob(f"{directory}/**/seed.sqlite3", recursive=True):
        try:
            with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5) as database:
                tables = [row[0] for row in database.execute("select name from sqlite_master where type='table' and name like 'setting%'")]
                for table in tables:
                    for row in database.execute(f"select * from {table}"):
                        if row[0] == "platform id":
                            return str(row[1])
        except sqlite3.Error:
            pass
    return None


def cgroups(owner, directory=""):
    """The groups of a platform, and those of a container that is named as the directory."""
    name = os.path.basename(directory)
    marks = [f"seed-{owner}"] * bool(owner) + [f"/{name}"] * name.startswith("seed-test-")
    return sorted(folder for folder, _, _ in os.walk("/sys/fs/cgroup") if any(mark in folder for mark in marks))


def mounts(directory):
    found = []
    for line in _read("/proc/self/mountinfo").decode(errors="replace").splitlines():
        point = line.split()[4].replace("\\040", " ")
        if directory in line:
            found.append(point)
    return found


def loops(directory):
    return [file.split("/")[3] for file in glob.glob("/sys/block/loop*/loop/backing_file") if directory in _read(file).decode(errors="replace")]


def everything(directory, owner=None):
    """One line for each thing that is there; empty when the platform is gone without a trace."""
    return ([f"process {describe(pid)}" for pid in sorted(processes(directory)) if pid != os.getpid()]
            + [f"cgroup {folder}" for folder in cgroups(owner, directory)]
            + [f"mount {point}" for point in mounts(directory)]
            + [f"loop device {name}" for name in loops(directory)])


def kill(directory):
    """SIGKILL to all processes of the platform, until none appears any more."""
    for _ in range(100):
        left = processes(directory)
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)


def remove_all(directory, owner=None):
    owner = owner or platform_id(directory)
    kill(directory)
    for point in reversed(mounts(directory)):
        subprocess.run(["umount", "-l", point], stderr=subprocess.DEVNULL)
    for name in loops(directory):
        subprocess.run(["losetup", "-d", f"/dev/{name}"], stderr=subprocess.DEVNULL)
    for folder in reversed(cgroups(owner, directory)):
        for _ in range(100):    # who was just killed still counts for a moment
            try:
                os.rmdir(folder)
                break
            except OSError as error:
                if error.errno != errno.EBUSY:
                    break
                time.sleep(0.02)


def remove_tree(directory):
    """A folder with all in it; an ordinary user's Nix store is read-only for its owner, too."""
    if os.geteuid() != 0:
        for folder, _, _ in os.walk(directory):
            with contextlib.suppress(OSError):
                os.chmod(folder, 0o700)
    shutil.rmtree(directory, ignore_errors=True)


def watch(directory):
    """Starts the watchdog; returns the descriptor that keeps it waiting.  Closing it (or dying) sets it off."""
    reader, writer = os.pipe()
    subprocess.Popen([sys.executable, os.path.abspath(__file__), directory], stdin=reader, stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL, start_new_session=True, cwd="/").wait()
    os.close(reader)
    return writer


def _be_watchdog(directory):
    if os.fork():  # away from the test's process tree, which ctest kills as a whole
        os._exit(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    remove_all(directory)
    if os.path.basename(directory).startswith("seed-test-"):
        remove_tree(directory)


if __name__ == "__main__":
    _be_watchdog(sys.argv[1])
