#!/usr/bin/env python3
"""What a push says when something is wrong with the flake: the first line is what is wrong, whoever of Nix, mkSeed and NixOS found it."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from make_flake import make_flake

if os.geteuid() != 0:
    print("skipped: needs root (the store's disk image)")
    sys.exit(77)
SOURCE = pathlib.Path(os.environ.get("SEED_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
PROBE = pathlib.Path(os.environ.get("SEED_BUILD", SOURCE / "build")) / "bin" / "seed-build-probe"

# A flake whose instance `web` has OPTIONS and TOPLEVEL; LET is before it.
FLAKE = """{ outputs = { self }: let
  bb = builtins.path { path = ./bb; name = "bb"; };
  derive = given: builtins.derivation ({ system = "x86_64-linux"; builder = "${bb}/busybox"; } // given);
  good = derive { name = "good"; args = [ "sh" "-ec" "${bb}/busybox mkdir $out; ${bb}/busybox touch $out/init" ]; };
  seed = import ./nixos/lib;
  LET
in {
  seeds.web = seed.mkBareSeed { name = "web"; toplevel = TOPLEVEL; seed = { OPTIONS }; };
}; }
"""


def flake(options="", toplevel="good", before=""):
    return FLAKE.replace("OPTIONS", options).replace("TOPLEVEL", toplevel).replace("LET", before)


def whole(outputs):
    return "{ outputs = { self }: " + outputs + "; }\n"


# The flake, the step that refuses it, the first line of what is said, and what the others hold.
CASES = {
    "no flake": (None, "unpack", "there is no flake.nix at the top of the repository: add one", []),
    "syntax": ("{ outputs = { self }: { seeds = ; }; }\n", "evaluate", "evaluation failed: syntax error, unexpected ';'", ["flake.nix:1:"]),
    "a name that is nothing": (flake(toplevel="godo"), "evaluate", "evaluation failed: undefined variable 'godo'", ["flake.nix:8:"]),
    "no seeds": (whole("{ packages = { }; }"), "evaluate", "the flake exports no seeds: add `seeds.NAME", []),
    "empty seeds": (whole("{ seeds = { }; }"), "evaluate", "the flake exports no seeds: `seeds` must be a set with at least one instance", []),
    "seeds is no set": (whole("{ seeds = 5; }"), "evaluate", "evaluation failed: `seeds` of the flake must be a set: seeds.NAME = seed.lib.mkSeed", []),
    "no toplevel": (whole("{ seeds.web = { meta = { }; }; }"), "evaluate", "evaluation failed: seeds.web needs `meta` and `toplevel`: make it with seed.lib.mkSeed { name = \"web\";", []),
    "toplevel is text": (flake(toplevel='"x"'), "evaluate", "evaluation failed: seeds.web.toplevel is not a derivation", []),
    "an unknown option": (flake("sizze = \"xs\";"), "evaluate", "evaluation failed: instance web:", ["- seed.sizze does not exist: use size, expose"]),
    "two mistakes": (flake("expose.myapp.enable = true; storage.data = \"1GB\";"), "evaluate", "evaluation failed: instance web:",
                     ["- seed.expose.myapp: no port is known for the name \"myapp\": add port = NUMBER;", "size \"1GB\" is not a size"]),
    # As NixOS says it: its message begins with an end of line.
    "an assertion of NixOS": (flake(toplevel="throw \"\\nFailed assertions:\\n- instance web: seed.size\""), "evaluate",
                              "evaluation failed: Failed assertions:", ["- instance web: seed.size"]),
    "a long way to it": (flake(before="f = n: if n == 0 then throw \"the end of the way\" else 1 + f (n - 1);", toplevel="builtins.seq (f 200) good"), "evaluate",
                         "evaluation failed: the end of the way", []),
    "no end": (flake(before="z = z;", toplevel="z"), "evaluate", "evaluation failed: infinite recursion encountered", []),
    "escape sequences": (flake(toplevel="throw (builtins.fromJSON ''\"\\u001b[2Jgone\\u0007\"'')"), "evaluate", "evaluation failed: ", ["gone"]),
    "an input that is not pinned": ("{ inputs.other.url = \"github:a/b\"; outputs = _: { }; }\n", "evaluate", "evaluation refused: the flake has inputs that flake.lock does not pin", ["nix flake lock"]),
    "a builder that is not there": (flake(toplevel='derive { name = "absent"; builder = "/bin/bash"; }'), "build", "build failed: builder for '/nix/store/",
                                    ["absent, the end of its log:", "could not be started: executing '/bin/bash': No such file or directory"]),
    "a builder that fails": (flake(toplevel='derive { name = "fails"; args = [ "sh" "-ec" "echo the reason; exit 7" ]; }'), "build",
                             "build failed: builder for '/nix/store/", ["failed with exit code 7", "fails, the end of its log:", "  the reason"]),
    "a builder that makes nothing": (flake(toplevel='derive { name = "lazy"; args = [ "sh" "-ec" "exit 0" ]; }'), "build", "build failed: builder for '/nix/store/", ["failed to produce output path"]),
}

with tempfile.TemporaryDirectory(prefix="seed-build-") as name:
    room = pathlib.Path(name)
    folder = make_flake("two", room / "flake")
    shutil.copytree(SOURCE / "nixos" / "lib", folder / "nixos" / "lib")
    for number, (case, (text, step, first, others)) in enumerate(CASES.items()):
        (folder / "flake.nix").unlink(missing_ok=True)
        if text is not None:
            (folder / "flake.nix").write_text(text)
        done = subprocess.run([PROBE, room / "state", "one", folder, "unpack", "evaluate", "build", "--set", f"tree=t{number}"], capture_output=True, text=True, timeout=300)
        answer = json.loads(done.stdout.splitlines()[-1])
        assert not answer["ok"] and answer["step"] == step, (case, answer)
        lines = answer["text"].splitlines()
        assert lines[0].startswith(first), (case, lines)
        for words in others:
            assert any(words in line for line in lines), (case, words, lines)
        assert all(line.isprintable() for line in lines) and len(lines) <= 35, (case, lines)
        assert not any("?Error" in line for line in lines + done.stderr.splitlines()), (case, lines, done.stderr)
        if os.environ.get("SHOW"):
            print(f"--- {case}\n{answer['text']}")
print(f"{len(CASES)} mistakes")
