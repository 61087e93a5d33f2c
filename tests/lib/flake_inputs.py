"""Inputs of flakes for tests: trees, their NAR hashes, archives as forges make them, flake.lock."""
import io
import json
import pathlib
import subprocess
import tarfile
import tempfile

REV = "0123456789abcdef0123456789abcdef01234567"


def write_tree(folder, files):
    """files: {"path": "text"}; returns the folder."""
    folder = pathlib.Path(folder)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def nar_hash(folder):
    done = subprocess.run(["nix", "--extra-experimental-features", "nix-command", "hash", "path", "--sri", str(folder)],
                          check=True, capture_output=True, text=True)
    return done.stdout.strip()


def tree_hash(files):
    with tempfile.TemporaryDirectory() as name:
        return nar_hash(write_tree(name, files))


def archive(files, top="repo-0123456/"):
    """A .tar.gz as GitHub makes it: everything in one folder."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(top + name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


def tarball(url, hash, **more):
    return {"type": "tarball", "url": url, "narHash": hash, **more}


def github(owner, repo, hash, **more):
    return {"type": "github", "owner": owner, "repo": repo, "rev": REV, "narHash": hash, "lastModified": 1, **more}


def git(url, rev, hash, **more):
    return {"type": "git", "url": url, "rev": rev, "narHash": hash, "lastModified": 1, "revCount": 1, "ref": "refs/heads/main", **more}


def original(locked):
    """What flake.nix says of it."""
    words = ("type", "url") if locked["type"] == "tarball" else ("type", "url", "owner", "repo", "rev", "ref", "host")
    return {key: locked[key] for key in words if key in locked}


def lock(inputs):
    """inputs: {"name": locked}, none of them a flake; as `nix flake lock` writes it for them."""
    nodes = {"root": {"inputs": {name: name for name in inputs}}}
    for name, locked in inputs.items():
        nodes[name] = {"flake": False, "locked": locked, "original": original(locked)}
    return json.dumps({"nodes": nodes, "root": "root", "version": 7})


def references(inputs):
    """The `inputs` of flake.nix that go with lock(inputs)."""
    def one(locked):
        return "{ flake = false; " + " ".join(f"{key} = {json.dumps(value)};" for key, value in original(locked).items()) + " }"
    return "{ " + " ".join(f"{name} = {one(locked)};" for name, locked in inputs.items()) + " }"
