#!/usr/bin/env python3
"""What one evaluation costs: wall time, processor time and memory of the box's `nix eval` for flakes of 1, 3 and 10 instances, and how both grow.

    evaluation.py [--rounds 5] [--instances 1,3,10]

Flakes without nixpkgs are always measured (tests/flakes/several).  With SEED_NIXPKGS (see docs/nix.md) whole NixOS systems are, too, by the
same expression with the same Nix, but outside the box, since that tree is no locked input.  Memory is the largest resident set of a
process; processor time is that of all of them, and says more than wall time on a machine with other work.  The median of the rounds
counts; nothing is enforced: machines differ.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from seed_platform import BUILD, SOURCE, needs

sys.path.insert(0, f"{SOURCE}/tests/nix")
from make_flake import make_flake
from nix_side import environment, nixpkgs

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--instances", default="1,3,10")
options = parser.parse_args()
counts = [int(word) for word in options.instances.split(",")]
needs(root=True)


def measured(command, **how):
    """(seconds, processor seconds, MiB of the largest process) of a command that succeeds."""
    script = ("import resource,subprocess,sys; status=subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL);"
              "use=resource.getrusage(resource.RUSAGE_CHILDREN);"
              "print('USE', use.ru_utime + use.ru_stime, use.ru_maxrss, file=sys.stderr); sys.exit(status)")
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", script, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **how)
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stderr[-2000:]
    processor, peak = done.stderr.rsplit("USE ", 1)[1].split()
    return took, float(processor), int(peak) / 1024


def tell(what, rows):
    """rows: {instances: [(seconds, processor seconds, MiB)]}"""
    print(what)
    first = None
    for count, results in rows.items():
        seconds, processor, memory = (statistics.median(column) for column in zip(*results))
        growth = ""
        if first is not None:
            more = count - first[0]
            growth = f"   each further instance: {1000 * (processor - first[1]) / more:7.1f} ms of processor, {(memory - first[2]) / more:6.2f} MiB"
        first = first or (count, processor, memory)
        print(f"  {count:3} instances   {seconds:7.3f} s   processor {processor:7.3f} s   {memory:7.1f} MiB{growth}", flush=True)


def in_the_box(room, count):
    """Evaluations of a source that is unpacked already, box and all, as the platform runs them."""
    flake = make_flake("several", room / f"flake-{count}")
    (flake / "bb" / "guest_tool").write_bytes(pathlib.Path(f"{BUILD}/bin/guest_tool").read_bytes())
    (flake / "seeds.json").write_text(json.dumps({f"i{n}": {"expose": {"http": 80}, "storage": {"data": "64Mi"}, "script": f"echo {n}\n"} for n in range(count)}))
    probe = [f"{BUILD}/bin/seed-build-probe", str(room / f"state-{count}"), f"bench-{count}", str(flake)]
    measured(probe + ["unpack", "evaluate"])                                     # fills the store
    alone = [measured(probe + ["unpack"]) for _ in range(options.rounds)]
    both = [measured(probe + ["unpack", "evaluate"]) for _ in range(options.rounds)]
    seconds_alone, processor_alone = (statistics.median(one[column] for one in alone) for column in (0, 1))
    return [(seconds - seconds_alone, processor - processor_alone, memory) for seconds, processor, memory in both]


def nixos(tree, count):
    expression = f"""let
      tree = {tree};
      nixos = if builtins.pathExists (tree + "/nixos-system.nix") then import (tree + "/nixos-system.nix") {{ }} else rec {{
        lib = import (tree + "/lib");
        nixosSystem = arguments: import (tree + "/nixos/lib/eval-config.nix") (arguments // {{ inherit lib; }});
      }};
      mkSeed = import {SOURCE}/nixos/lib/mk-seed.nix {{ inherit (nixos) lib nixosSystem; }};
      web = name: mkSeed {{ inherit name; module = {{ seed.expose.http.enable = true; services.nginx.enable = true; }}; }};
    in builtins.listToAttrs (builtins.genList (n: rec {{ name = "i${{toString n}}"; value = (web name).meta; }}) {count})"""
    command = ["nix-instantiate", "--eval", "--strict", "--json", "-E", expression]
    with tempfile.TemporaryDirectory() as home:
        try:
            measured(command, env=environment(home))                                 # the first one writes the derivations
            return [measured(command, env=environment(home)) for _ in range(options.rounds)]
        finally:
            subprocess.run(["chmod", "-R", "u+w", home], check=True)


with tempfile.TemporaryDirectory(prefix="seed-bench-") as name:
    room = pathlib.Path(name)
    os.chmod(room, 0o755)
    tell("flakes without nixpkgs, in the box (memory: of the largest process)", {count: in_the_box(room, count) for count in counts})
tree = nixpkgs("lib", "nixos/modules")
if tree:
    tell("NixOS systems with nginx", {count: nixos(tree, count) for count in counts})
else:
    print("NixOS systems were not measured: set SEED_NIXPKGS")
