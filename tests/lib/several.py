"""Flakes of several instances, described in Python: tests/flakes/several."""
import json
import os
import shutil

from seed_platform import BUILD


def files(seeds, beside):
    return {"seeds.json": json.dumps(seeds, indent=1), "flake.json": json.dumps(beside or {}, indent=1)}


def make(person, repo, seeds, beside=None):
    """seeds: {"NAME": {"script": "...", any option}}; beside: {"combine": ..., "ipv4": ...}; a repository that is not pushed yet."""
    os.makedirs(f"{person.folder(repo)}/bb", exist_ok=True)
    shutil.copy(f"{BUILD}/bin/guest_tool", f"{person.folder(repo)}/bb/guest_tool")
    person.make_repo(repo, "several", files(seeds, beside))


def change(person, repo, seeds, beside=None):
    person.change(repo, files(seeds, beside))


def serve(port=80, page="it serves"):
    """A script that serves a page, and its boot's id as /boot."""
    return f"echo '{page}' > /run/www/index.html; exec httpd -f -p '[::]:{port}' -h /run/www\n"
