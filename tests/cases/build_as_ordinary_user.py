#!/usr/bin/env python3
"""The builder without root: templates/hello is evaluated, built and made into an image by an unused uid, sandboxed, without network."""
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
from make_flake import make_flake

UID = 12345 if os.geteuid() == 0 else os.geteuid()
BUILD = pathlib.Path(os.environ.get("SEED_BUILD", "build")) / "bin"


def as_user(words, **more):
    become = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"] if os.geteuid() == 0 else []
    return subprocess.run([*become, *words], capture_output=True, text=True, timeout=300, **more)


with tempfile.TemporaryDirectory(prefix="seed-user-") as name:
    room = pathlib.Path(name)
    os.chmod(room, 0o755)
    # The build directory may be closed to that uid.
    for program in ("seed-build-probe", "seed-nix-box", "seed-fetch-proxy"):
        shutil.copy(BUILD / program, room / program)
    home = room / "home"
    home.mkdir()
    os.chown(home, UID, UID if os.geteuid() == 0 else -1)
    if as_user(["unshare", "-U", "true"]).returncode != 0:
        print("skipped: this machine refuses user namespaces to ordinary users")
        sys.exit(77)
    flake = make_flake("hello", room / "flake")
    done = as_user([room / "seed-build-probe", home / "state", "one", flake, "unpack", "evaluate", "build", "image", "keep", "remarks"],
                   env={"PATH": "/usr/bin", "HOME": str(home)})
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers and answers[-1]["ok"] and answers[-1]["step"] == "remarks", (done.stdout, done.stderr)
    image = pathlib.Path(answers[3]["images"]["hello"]["path"])
    assert image.read_bytes()[1024:1028] == b"\xe2\xe1\xf5\xe0", "not an erofs image"
    assert image.stat().st_mode & 0o777 == 0o444

    (flake / "flake.nix").write_text("""{ outputs = { self }: let bb = builtins.path { path = ./bb; name = "bb"; }; in {
      seeds.x = { meta = { }; toplevel = builtins.derivation { name = "x"; system = "x86_64-linux"; builder = "${bb}/busybox";
        args = [ "sh" "-c" "${bb}/busybox wget -T 2 -q -O $out http://127.0.0.1:1/ && exit 0; ${bb}/busybox ls /home /root /usr && exit 0; echo confined; exit 1" ]; }; }; }; }""")
    done = as_user([room / "seed-build-probe", home / "state", "one", flake, "unpack", "evaluate", "build", "--set", "tree=other"],
                   env={"PATH": "/usr/bin", "HOME": str(home)})
    last = json.loads(done.stdout.splitlines()[-1])
    assert not last["ok"] and "confined" in last["text"], (done.stdout, done.stderr)

    # Inputs come through the same door.
    with Origin(room / "origin", "files.example") as origin:
        os.chmod(room / "origin" / "ca.pem", 0o644)
        content = {"file": "from an archive"}
        origin.pages["/a.tar.gz"] = archive(content)
        inputs = {"a": tarball("https://files.example/a.tar.gz", tree_hash(content))}
        (flake / "flake.lock").write_text(lock(inputs))
        (flake / "flake.nix").write_text("""{ inputs = %s; outputs = { self, a }: { seeds.x = { meta.read = builtins.readFile "${a}/file";
          toplevel = builtins.derivation { name = "x"; system = "x86_64-linux"; builder = "/none"; }; }; }; }""" % references(inputs))
        done = as_user([room / "seed-build-probe", home / "state", "one", flake, "unpack", "evaluate", "--set", "tree=inputs", "--set", "allow=public", *origin.settings()],
                       env={"PATH": "/usr/bin", "HOME": str(home)})
        last = json.loads(done.stdout.splitlines()[-1])
        assert last["ok"] and last["seeds"]["x"]["meta"] == {"read": "from an archive"}, (done.stdout, done.stderr)
        inputs["a"]["url"] = "https://127.0.0.1/a.tar.gz"
        (flake / "flake.lock").write_text(lock(inputs))
        done = as_user([room / "seed-build-probe", home / "state", "one", flake, "unpack", "--set", "tree=inside", "--set", "allow=public", *origin.settings()],
                       env={"PATH": "/usr/bin", "HOME": str(home)})
        last = json.loads(done.stdout.splitlines()[-1])
        assert not last["ok"] and "a loopback address" in last["text"], (done.stdout, done.stderr)
print("ok")
