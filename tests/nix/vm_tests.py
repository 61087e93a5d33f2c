#!/usr/bin/env python3
"""The NixOS VM tests are Python that compiles, ask the test driver only for what it has, and use commands that seed and ssh know.

Running them needs nixpkgs and its packages: `nix flake check` where there is a network.
"""
import ast
import glob
import os
import re
import subprocess

from nix_side import BUILD, SOURCE, evaluate

# What the driver of NixOS 25.11 gives a script (nixos/doc/manual/development/writing-nixos-tests.section.md): methods of a machine that we use,
# and functions.
METHODS = {"succeed", "fail", "execute", "wait_for_unit", "wait_for_open_port", "wait_for_closed_port", "wait_until_succeeds", "wait_for_file", "start", "shutdown", "crash"}
FUNCTIONS = {"subtest", "start_all", "retry"}
ARGUMENTS = {"name", "nodes", "testScript"}

files = sorted(glob.glob(f"{SOURCE}/nixos/tests/*.nix"))
assert files
for file in files:
    test = evaluate(f"let test = import {file} {{ pkgs.testers.runNixOSTest = test: test; module = {{ }}; }}; in "
                    "{ inherit (test) name testScript; arguments = builtins.attrNames test; nodes = builtins.attrNames test.nodes; }")
    assert set(test["arguments"]) == ARGUMENTS, test["arguments"]
    script = ast.parse(test["testScript"], file)
    known = set(test["nodes"]) | FUNCTIONS | set(dir(__builtins__))
    for node in ast.walk(script):
        if isinstance(node, ast.Import):
            known |= {name.name for name in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            known.add(node.id)
    for node in ast.walk(script):
        if isinstance(node, ast.Name):
            assert node.id in known, f"{file}: {node.id} is not there"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in test["nodes"]:
            assert node.attr in METHODS, f"{file}: a machine has no {node.attr}"
    for command in re.findall(r"\bseed ([a-z]+)", test["testScript"]):
        if os.path.exists(f"{BUILD}/bin/seed"):
            subprocess.run([f"{BUILD}/bin/seed", "help", command], check=True, capture_output=True, timeout=60)
    print(f"{test['name']}: {len(test['testScript'].splitlines())} lines")
