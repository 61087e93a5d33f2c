#!/usr/bin/env python3
"""bash, zsh and fish complete the words of `seed`; the manual page has every command and nothing that man(1) complains about."""
import json
import os
import shutil
import subprocess
import tempfile

from seed_platform import BUILD

SEED = f"{BUILD}/bin/seed"


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True, **more).stdout


commands = [one["name"] for one in json.loads(run(SEED, "help", "--json"))["commands"]]
assert len(commands) > 8 and commands[-1] == "help", commands


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
assert bash("seed plugin ") == ["list", "show", "check", "call", "trace", "restart"] and bash("seed completion f") == ["fish"]
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
