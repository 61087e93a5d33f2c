"""Flakes of several instances, described in Python: tests/flakes/several."""
import json
import os
import shutil

from seed_platform import BUILD


def make(person, repo, seeds):
    """seeds: {"NAME": {"script": "...", any option}}; a repository that is not pushed yet."""
    os.makedirs(f"{person.folder(repo)}/bb", exist_ok=True)
    shutil.copy(f"{BUILD}/bin/guest_tool", f"{person.folder(repo)}/bb/guest_tool")
    person.make_repo(repo, "several", {"seeds.json": json.dumps(seeds, indent=1)})


def change(person, repo, seeds):
    person.change(repo, {"seeds.json": json.dumps(seeds, indent=1)})


def serve(port=80, page="it serves"):
    """A script that serves a page, and its boot's id as /boot."""
    return f"echo '{page}' > /run/www/index.html; exec httpd -f -p '[::]:{port}' -h /run/www\n"
