#!/usr/bin/env python3
"""Materialises a flake of ours as a folder that can be pushed: its files and bb/busybox.

As a program: make_flake.py NAME FOLDER.  NAME is hello (templates/), or two, minimal (tests/flakes/), or a folder.
"""
import os
import pathlib
import shutil
import sys

ROOT = pathlib.Path(os.environ.get("SEED_SOURCE") or pathlib.Path(__file__).resolve().parents[2])


def busybox():
    """The static busybox of this machine; SystemExit 77 (cannot run here) without one."""
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path):
            return path
    print("skipped: there is no busybox here (Debian: apt-get install busybox-static)")
    raise SystemExit(77)


def make_flake(name, folder):
    """Fills `folder` (made when absent; files of the same name are replaced) and returns it as a Path."""
    candidates = [ROOT / "templates" / name, ROOT / "tests" / "flakes" / name, pathlib.Path(name)]
    source = next((path for path in candidates if (path / "flake.nix").exists()), None)
    if source is None:
        raise FileNotFoundError(f"no flake called {name}")
    folder = pathlib.Path(folder)
    shutil.copytree(source, folder, dirs_exist_ok=True)
    (folder / "bb").mkdir(exist_ok=True)
    shutil.copyfile(busybox(), folder / "bb" / "busybox")
    os.chmod(folder / "bb" / "busybox", 0o755)
    return folder


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    print(make_flake(sys.argv[1], sys.argv[2]))
