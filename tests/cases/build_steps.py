#!/usr/bin/env python3
"""The builder's steps on honest flakes: what changes, what stays, what comes back after a collection and a full disk."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from make_flake import make_flake

if os.geteuid() != 0:
    print("skipped: needs root (the store's disk image)")
    sys.exit(77)
PROBE = pathlib.Path(os.environ.get("SEED_BUILD", "build")) / "bin" / "seed-build-probe"
MIB = 1 << 20

with tempfile.TemporaryDirectory(prefix="seed-build-") as name:
    room = pathlib.Path(name)

    def probe(flake, tree, *steps, state="state"):
        done = subprocess.run([PROBE, room / state, "one", flake, *steps, "--set", f"tree={tree}", "--set", f"store_bytes={128 * MIB}"],
                              capture_output=True, text=True, timeout=300)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == 0 and answers, done
        return answers, done.stderr

    def good(flake, tree, *steps, state="state"):
        answers, progress = probe(flake, tree, *steps, state=state)
        assert answers[-1]["ok"] and len(answers) == len(steps), answers
        merged = {key: value for answer in answers for key, value in answer.items()}
        return merged, progress

    flake = make_flake("two", room / "two")
    everything = ["unpack", "evaluate", "build", "image"]
    first, progress = good(flake, "t1", *everything)
    assert "building web" in progress and "building api" in progress, progress
    assert sorted(first["seeds"]) == ["api", "web"] and first["seeds"]["api"]["meta"]["expose"]["http"]["port"] == 3000
    for image in first["images"].values():
        path = pathlib.Path(image["path"])
        assert path.stat().st_mode & 0o777 == 0o444 and path.stat().st_uid == 0 and path.stem == image["key"] and len(image["key"]) == 64

    # The same bytes and keys from a store that never saw the other.
    other, _ = good(flake, "t1", *everything, state="other")
    assert other["seeds"] == first["seeds"]
    for instance in ("web", "api"):
        assert pathlib.Path(other["images"][instance]["path"]).read_bytes() == pathlib.Path(first["images"][instance]["path"]).read_bytes()

    # An archive that was cut off leaves nothing behind, even where tar would take it for whole.
    answers, _ = probe(flake, "t0", "unpack-cut")
    assert not answers[-1]["ok"] and "the source ended too early" in answers[-1]["text"], answers
    # A tree whose note was not written yet (seedd was killed in between) is there: who would send it once more is sent away, and that is no error.
    (room / "state" / "build" / "one" / "trees" / "t1").unlink()
    assert good(flake, "t1", "unpack-late", "evaluate")[0]["seeds"] == first["seeds"]

    # A text beside the flake changes no output; a page changes one instance.
    (flake / "README.md").write_text("words\n")
    assert good(flake, "t2", "unpack", "evaluate")[0]["seeds"] == first["seeds"]
    (flake / "web.txt").write_text("another page\n")
    changed, progress = good(flake, "t3", *everything)
    assert changed["seeds"]["api"] == first["seeds"]["api"] and changed["images"]["api"] == first["images"]["api"]
    assert changed["seeds"]["web"]["outPath"] != first["seeds"]["web"]["outPath"] and "building api" not in progress, progress

    # A collection is owed from the first growth on, also for a process that did not see it, and until it was carried out to its end.
    assert good(flake, "t3", "owed")[0]["owed"]
    answers, _ = probe(flake, "t3", "keep", "--set", "build_deadline=0")   # cut short by its deadline
    assert not answers[-1]["ok"], answers
    assert good(flake, "t3", "owed")[0]["owed"]
    assert not good(flake, "t3", "keep", "owed")[0]["owed"]

    # A collection keeps what it is told to keep, drops the rest, and what was dropped comes back when it is wanted.
    kept, progress = good(flake, "t3", "unpack", "keep", "evaluate", "build", "image")
    assert "building" not in progress and kept["images"] == changed["images"], progress
    _, progress = good(flake, "t3", "unpack", "evaluate", "forget-but-source", "build")
    assert "building web" in progress, progress
    answers, _ = probe(flake, "t3", "unpack", "evaluate", "forget", "evaluate")
    assert not answers[-1]["ok"] and answers[-1]["code"] == "not_found", answers
    good(flake, "t3", *everything)

    # A full disk is named, and a collection makes room again.
    bomb = make_flake("minimal", room / "bomb")
    (bomb / "flake.nix").write_text((bomb / "flake.nix").read_text().replace("$bb mkdir -p $out", "$bb dd if=/dev/zero of=$out bs=1M"))
    answers, _ = probe(bomb, "b1", "unpack", "evaluate", "build")
    assert answers[-1]["code"] == "limit" and "filled the disk" in answers[-1]["text"], answers
    good(bomb, "b1", "forget")
    good(flake, "t3", *everything)

    # What is not a flake, and what is too large.
    (room / "empty").mkdir()
    answers, _ = probe(room / "empty", "e1", "unpack")
    assert answers[-1]["code"] == "invalid" and "no flake.nix" in answers[-1]["text"], answers
    (flake / "large").write_bytes(os.urandom(3 * MIB))
    done = subprocess.run([PROBE, room / "state", "one", flake, "unpack", "--set", "tree=l1", "--set", f"source_bytes={2 * MIB}"],
                          capture_output=True, text=True, timeout=300)
    answer = json.loads(done.stdout)
    assert answer["code"] == "limit" and "larger than 2" in answer["text"], answer
print("ok")
