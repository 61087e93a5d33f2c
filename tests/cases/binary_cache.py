#!/usr/bin/env python3
"""Builds take from the operator's binary caches what these signed, and fixed outputs download only where the operator allows it."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from flake_inputs import archive, lock, references, tarball, tree_hash
from https_origin import Origin
from make_flake import busybox

if os.geteuid() != 0:
    print("skipped: needs root (a tenant's box has uids of its own)")
    sys.exit(77)
PROBE = pathlib.Path(os.environ.get("SEED_BUILD", "build")) / "bin" / "seed-build-probe"
PAYLOAD = "what the source archive of a package would be\n"

# The "package set": an input, so that its flakes may use the cache.  `source` is a fixed output that nobody can download.
PACKAGES = """
{ bb }: let busybox = "${bb}/busybox"; in rec {
  source = builtins.derivation { name = "payload.txt"; system = "builtin"; builder = "builtin:fetchurl"; url = "https://nowhere.example/payload.txt";
    unpack = false; executable = false; outputHashMode = "flat"; outputHashAlgo = "sha256"; outputHash = "@HASH@"; };
  greeting = builtins.derivation { name = "greeting"; system = "x86_64-linux"; builder = busybox; inherit source;
    args = [ "sh" "-ec" "${busybox} mkdir $out; ${busybox} cp $source $out/payload; echo '#!/bin/false' > $out/init" ]; };
}
""".replace("@HASH@", hashlib.sha256(PAYLOAD.encode()).hexdigest())
FLAKE = """
{ inputs = @INPUTS@;
  outputs = { self, packages }: let
    bb = builtins.path { path = ./bb; name = "bb"; };
    set = import "${packages}/default.nix" { inherit bb; };
    own = builtins.derivation { name = "own"; system = "x86_64-linux"; builder = "${bb}/busybox"; inherit (set) greeting; PATH = "@PATH@";
      args = [ "sh" "-ec" "${bb}/busybox mkdir $out; ${bb}/busybox cat $greeting/payload > $out/init; @MORE@" ]; };
  in { seeds.x = { meta = { }; toplevel = own; }; }; }
"""

with tempfile.TemporaryDirectory(prefix="seed-cache-") as name:
    room = pathlib.Path(name)
    os.chmod(room, 0o755)
    origin = Origin(room / "origin", "files.example", "cache.example", "nowhere.example")
    origin.pages["/packages.tar.gz"] = archive({"default.nix": PACKAGES})
    inputs = {"packages": tarball("https://files.example/packages.tar.gz", tree_hash({"default.nix": PACKAGES}))}

    # A real cache, made and signed by Nix from a store of its own, where the fixed output was put by hand.
    environment = {**os.environ, "HOME": str(room), "NIX_CONFIG": "experimental-features = nix-command flakes\nsubstituters =\nsandbox = false\nbuild-users-group =\n"}

    def nix(*words, text=None):
        done = subprocess.run([*words], capture_output=True, text=True, env=environment, timeout=200, input=text)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.strip()

    def key(name):
        secret = nix("nix", "key", "generate-secret", "--key-name", name)
        (room / f"{name}.key").write_text(secret)
        return nix("nix", "key", "convert-secret-to-public", text=secret)

    keys = {name: key(name) for name in ("cache-1", "stranger-1")}
    store = room / "store"
    (room / "bb").mkdir()
    shutil.copyfile(busybox(), room / "bb" / "busybox")
    os.chmod(room / "bb" / "busybox", 0o755)
    (room / "payload.txt").write_text(PAYLOAD)
    (room / "packages.nix").write_text(PACKAGES)
    nix("nix-store", "--store", str(store), "--add-fixed", "sha256", str(room / "payload.txt"))
    expression = f'(import {room}/packages.nix {{ bb = builtins.path {{ path = {room}/bb; name = "bb"; }}; }}).greeting'
    greeting = nix("nix-build", "--store", str(store), "--no-out-link", "-E", expression).splitlines()[-1]
    for name, secret in (("signed", "cache-1"), ("strange", "stranger-1")):
        nix("nix", "copy", "--store", str(store), "--to", f"file://{room / name}?secret-key={room / (secret + '.key')}", greeting)
        origin.folder_at(f"/{name}/", room / name)
    assert (room / "signed" / "nix-cache-info").exists()

    def build(case, *settings, flake_inputs=inputs, more="true", path=""):
        flake = room / f"flake-{case}"
        flake.mkdir()
        shutil.copytree(room / "bb", flake / "bb")
        (flake / "flake.nix").write_text(FLAKE.replace("@INPUTS@", references(flake_inputs)).replace("@MORE@", more).replace("@PATH@", path))
        (flake / "flake.lock").write_text(lock(flake_inputs))
        words = [word for setting in ("allow=public", *settings) for word in ("--set", setting)]
        done = subprocess.run([PROBE, room / "state", case, flake, "unpack", "evaluate", "build", "image", *words, *origin.settings()],
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done
        asked = [path for path in origin.asked if path.startswith(("cache.example", "nowhere.example"))]
        origin.asked.clear()
        return json.loads(done.stdout.splitlines()[-1]), done.stderr, asked

    def refused(last, *says):
        assert not last["ok"] and last["step"] == "build" and last["code"] == "invalid", last
        for word in says:
            assert word in last["text"], f"'{word}' is not in: {last['text']}"

    cache = f"substituter=https://cache.example/signed={keys['cache-1']}"
    # Everything that is in the cache comes from there; only what is not is built.
    last, progress, asked = build("whole", cache)
    assert last["ok"] and last["step"] == "image", (last, progress)
    assert "building own" in progress and "building greeting" not in progress, progress
    assert any(path.endswith(".nar.xz") for path in asked), asked
    image = pathlib.Path(last["images"]["x"]["path"]).read_bytes()
    assert PAYLOAD.encode() in image

    # Without caches nothing is asked, and the line says what is missing and what to do.
    last, progress, asked = build("without")
    refused(last, "neither an input nor in a binary cache of this platform", "builder.fixed_outputs")
    assert not asked, asked

    # A signature of somebody else's is no signature.
    last, progress, asked = build("strange", f"substituter=https://cache.example/strange={keys['cache-1']}")
    refused(last, "https://cache.example/strange")
    assert not any(path.endswith(".nar.xz") and "greeting" in path for path in asked), asked

    # A cache that is down is passed over; what can be built is built.
    last, progress, asked = build("down", f"substituter=https://cache.example/nothing={keys['cache-1']}")
    refused(last, "neither an input nor in a binary cache")

    # A flake without inputs from the network has no door.
    (room / "packages").mkdir()
    (room / "packages" / "default.nix").write_text(PACKAGES)
    subprocess.run("git init -q -b main packages && cd packages && git add . && git -c user.name=t -c user.email=t@example.org commit -qm one && "
                   "git clone -q --bare . ../git/packages.git", shell=True, check=True, cwd=room)
    rev = subprocess.run(["git", "-C", room / "packages", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    here = {"packages": {"type": "git", "url": "ssh://silo.example/packages.git", "rev": rev, "narHash": tree_hash({"default.nix": PACKAGES}), "lastModified": 1}}
    last, progress, asked = build("platform", cache, "platform_host=silo.example", f"repositories={room / 'git'}", flake_inputs=here)
    refused(last, "neither an input nor in a binary cache")
    assert not asked, asked

    # Fixed outputs download when the operator says so, from public hosts over https; ordinary builders never do.
    origin.pages["/payload.txt"] = PAYLOAD.encode()
    last, progress, asked = build("fixed", "fixed_outputs=true")
    assert last["ok"] and asked == ["nowhere.example/payload.txt"], (last, progress, asked)
    last, progress, asked = build("ordinary", cache, "fixed_outputs=true",
                                  more="https_proxy=http://127.0.0.1:3128 ${bb}/busybox wget -T 2 -q -O - http://127.0.0.1:3128/ && exit 0; echo no door; exit 1")
    refused(last, "no door")
    origin.pages["/payload.txt"] = b"something else\n"
    last, progress, asked = build("forged", "fixed_outputs=true")
    refused(last, "hash mismatch")
    origin.server.shutdown()
print("ok")
