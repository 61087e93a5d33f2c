#!/usr/bin/env python3
"""bash, zsh and fish complete the words of `seed`, asked by their own functions and by a person's Tab at a terminal; every command has a
schema; the manual page has every command and nothing that man(1) complains about."""
import json
import os
import pty
import select
import shutil
import subprocess
import tempfile
import time

import schemas
from seed_platform import BUILD

SEED = f"{BUILD}/bin/seed"


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True, **more).stdout


commands = [one["name"] for one in json.loads(run(SEED, "help", "--json"))["commands"]]
assert len(commands) > 8 and commands[-1] == "help", commands
for name in commands:
    assert [one for one in schemas.names() if one.split("-")[0] == name], f"{name} has no schema in docs/schemas"


def bash(line):
    script = run(SEED, "completion", "bash")
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    return run("bash", "--norc", "-c", f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _seed; printf '%s\\n' \"${{COMPREPLY[@]}}\"").split()


def fish(line):
    with tempfile.TemporaryDirectory() as home:
        script = f"{home}/seed.fish"
        with open(script, "w") as file:
            file.write(run(SEED, "completion", "fish"))
        answer = run("fish", "--no-config", "-c", f"source {script}; complete --do-complete '{line}'", env={**os.environ, "HOME": home})
        return [one.split("\t")[0] for one in answer.splitlines()]


assert sorted(bash("seed ")) == sorted(commands), bash("seed ")
assert bash("seed stat") == ["status"]
assert bash("seed --socket /tmp/x stat") == ["status"]
assert set(bash("seed logs --")) == {"--json", "--follow", "--lines", "--since", "--grep", "--help"}, bash("seed logs --")
assert bash("seed plugin ") == ["list", "show", "check", "call", "trace", "restart", "forget"] and bash("seed completion f") == ["fish"]
assert "events" in bash("seed help ev")
if shutil.which("fish"):
    assert set(commands) <= set(fish("seed ")), fish("seed ")
    assert {"--follow", "--since"} <= set(fish("seed logs --")), fish("seed logs --")
    assert set(fish("seed plugin ")) >= {"list", "show"}
if shutil.which("zsh"):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/_seed", "w") as file:
            file.write(run(SEED, "completion", "zsh"))
        # Autoloaded as zsh does it; the helpers it calls tell what they were given.
        stand_ins = '_describe() { print -l -- "${commands[@]}" }; _arguments() { state=command; line=(x); return 0 }'
        told = run("zsh", "-f", "-c", f"fpath=({folder} $fpath); autoload -Uz _seed; {stand_ins}; _seed")
        assert {one.split(":")[0] for one in told.splitlines()} == set(commands), told
if shutil.which("groff"):
    page = run(SEED, "help", "--man")
    shown = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-P-cbou"], input=page, capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0 and not shown.stderr, shown.stderr
    for command in commands:
        assert f"   {command}\n" in shown.stdout, f"{command} is not in the manual page"
    assert "`" not in shown.stdout and "\\f" not in shown.stdout


def typed(shell, setup, line):
    """What `seed` is given when somebody types the line, with its Tabs, at a terminal of that shell."""
    with tempfile.TemporaryDirectory() as home:
        for name, text in (("seed", f"#!/bin/sh\n[ \"$1\" != completion ] || exec {SEED} \"$@\"\nprintf '%s\\n' \"$@\" > {home}/given\nmv {home}/given {home}/got\n"),
                           ("_seed", run(SEED, "completion", "zsh")), ("seed.fish", run(SEED, "completion", "fish"))):
            with open(f"{home}/{name}", "w") as file:
                file.write(text)
            os.chmod(f"{home}/{name}", 0o755)
        environment = {"PATH": f"{home}:/usr/bin:/bin", "HOME": home, "TERM": "vt100", "PS1": "asked> ", "LANG": "C.UTF-8", "HISTFILE": "/dev/null"}
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(home)
            os.execvpe(shell[0], shell, environment)
        try:
            shown, waiting, deadline = b"", [f"{setup}; echo set''up\n", f"{line}\n"], time.monotonic() + 100
            os.write(terminal, waiting.pop(0).encode())
            while not os.path.exists(f"{home}/got"):
                assert time.monotonic() < deadline, f"{shell[0]} never started seed: {shown.decode(errors='replace')}"
                if select.select([terminal], [], [], 0.2)[0]:
                    shown += os.read(terminal, 4096)
                if waiting and b"setup" in shown and b"asked> " in shown.split(b"setup")[-1]:
                    os.write(terminal, waiting.pop(0).encode())
            with open(f"{home}/got") as file:
                return file.read().splitlines()
        finally:
            os.close(terminal)
            os.kill(child, 9)
            os.waitpid(child, 0)


SHELLS = {"bash": (["bash", "--norc", "--noprofile", "-i"], "eval \"$(seed completion bash)\""),
          "zsh": (["zsh", "-f", "-i"], "PS1='asked> '; fpath=($HOME $fpath); autoload -Uz compinit; compinit -u -D")}
for name, (shell, setup) in SHELLS.items():
    if shutil.which(name):
        assert typed(shell, setup, "seed stat\t--js\t") == ["status", "--json"], name
        assert typed(shell, setup, "seed plugin sh\t") == ["plugin", "show"], name
