"""A small file system that becomes full at an exact moment: when a certain program has just opened a file on it.

    with SmallDisk(folder, 40 << 20) as disk:
        with disk.full_when("mkfs.ext4") as moment:
            ...                       # whatever makes the program write there
        assert moment.came
        disk.empty()

The program waits in its open() until the last byte is taken (a fanotify permission event), so that no test depends on speed.
"""
import contextlib
import ctypes
import errno
import os
import select
import struct
import subprocess
import threading

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fanotify_mark.argtypes = [ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p]
CLASS_CONTENT, CLOEXEC, MARK_ADD, MARK_FILESYSTEM, OPEN_PERM, ALLOW = 0x4, 0x1, 0x1, 0x100, 0x10000, 1
EVENT = struct.Struct("IBBHQii")   # fanotify_event_metadata


class SmallDisk:
    def __init__(self, folder, size, mode="0711"):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode={mode}", "seed-test-disk", folder], check=True)
        self._ballast = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)   # without a name: nobody sees it

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._ballast is not None:
            self._forget()
            subprocess.run(["umount", "-l", self.folder], check=False, stderr=subprocess.DEVNULL)

    def unmount(self):
        """At the end, insisting that nobody uses it any more."""
        self._forget()
        subprocess.run(["umount", self.folder], check=True)

    def _forget(self):
        os.close(self._ballast)
        self._ballast = None

    def free(self):
        info = os.statvfs(self.folder)
        return info.f_bavail * info.f_frsize

    def fill(self, leave=0):
        while self.free() > leave:
            size = os.fstat(self._ballast).st_size
            try:
                os.posix_fallocate(self._ballast, size, self.free() - leave)
            except OSError as error:   # somebody else took a part of it meanwhile
                if error.errno != errno.ENOSPC:
                    raise

    def empty(self):
        os.ftruncate(self._ballast, 0)

    @contextlib.contextmanager
    def full_when(self, program):
        """Full from the moment when a program of this name (15 characters count) has opened a file here."""
        class Moment:
            came = False

        moment, trouble = Moment(), []
        events = _libc.fanotify_init(CLASS_CONTENT | CLOEXEC, os.O_RDONLY)
        if events < 0 or _libc.fanotify_mark(events, MARK_ADD | MARK_FILESYSTEM, OPEN_PERM, -100, self.folder.encode()) < 0:
            raise OSError(ctypes.get_errno(), f"cannot watch {self.folder}: {os.strerror(ctypes.get_errno())}")
        stop, stopper = os.pipe()

        def answer(descriptor, pid):
            try:
                with open(f"/proc/{pid}/comm") as comm:
                    if comm.read().strip() == program[:15] and not moment.came:
                        moment.came = True
                        self.fill()
            except OSError as error:
                trouble.append(error)
            os.write(events, struct.pack("iI", descriptor, ALLOW))
            os.close(descriptor)

        def watch():   # opens nothing on this disk: nobody would answer
            while stop not in select.select([events, stop], [], [])[0]:
                data = os.read(events, 65536)
                while data:
                    length, _, _, _, _, descriptor, pid = EVENT.unpack_from(data)
                    answer(descriptor, pid)
                    data = data[length:]

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield moment
        finally:
            os.write(stopper, b".")
            watcher.join()
            for descriptor in (events, stop, stopper):   # whoever still waits may go on when `events` closes
                os.close(descriptor)
        assert not trouble, trouble
