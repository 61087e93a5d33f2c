#!/usr/bin/env python3
"""One core with three plugins in one process: from clang with its own C++ library inside, from g++ with the shared one, and from C.

Each is built from the installed SDK, except g++'s (git-silo); all are `isolation: inline`, so that their libraries, exceptions and threads meet in
seedd itself.  Each works and fails as it should, the others notice nothing; then the same in processes of their own.
"""
import json
import os
import re
import shutil
import subprocess
import tempfile

import schemas
from seed_platform import BUILD, Platform, needs, skip

needs(root=True, programs=["cmake", "pkg-config"])
if not shutil.which("clang++"):
    skip("needs clang++")
if subprocess.run(["pkg-config", "--exists", "jansson"]).returncode != 0:
    skip("needs libjansson-dev")
with open(f"{BUILD}/CMakeCache.txt") as cache:
    if re.search(r"^SEED_SANITIZE:STRING=\w", cache.read(), re.M):
        skip("an instrumented library is not what is installed")
HIDDEN = ["-fPIC", "-shared", "-fvisibility=hidden", "-O1"]


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, **options)
    assert result.returncode == 0, f"{command}: {result.returncode}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
    return result.stdout


def build(folder):
    prefix = f"{folder}/prefix"
    run("cmake", "--install", BUILD, "--component", "sdk", "--prefix", prefix)
    found = [os.path.join(place, name) for place, _, names in os.walk(prefix) for name in names]
    environment = {**os.environ, "PKG_CONFIG_PATH": ":".join(os.path.dirname(path) for path in found if path.endswith("seed-plugin.pc"))}
    cflags, libraries = (run("pkg-config", kind, "seed-plugin", env=environment).split() for kind in ("--cflags", "--libs"))
    templates = f"{prefix}/share/seed/templates"
    run("clang++", "-std=c++20", *HIDDEN, "-fvisibility-inlines-hidden", "-static-libstdc++", "-static-libgcc", *cflags, f"{templates}/plugin/dns-textfile.cpp",
        "-o", f"{folder}/dns-textfile.so", *libraries)
    run("cc", "-std=c17", *HIDDEN, *cflags, f"{templates}/plugin-c/storage-plain.c", "-o", f"{folder}/storage-plain.so", *run("pkg-config", "--libs", "jansson").split())
    for plugin in ("dns-textfile", "storage-plain"):
        run(f"{BUILD}/bin/seed-plugin-check", "--manifest", f"{folder}/{plugin}.so")
    shutil.rmtree(prefix)
    needed = {plugin: run("objdump", "-p", path) for plugin, path in
              {"dns-textfile": f"{folder}/dns-textfile.so", "git-silo": f"{BUILD}/plugins/git-silo.so", "storage-plain": f"{folder}/storage-plain.so"}.items()}
    assert "libstdc++" not in needed["dns-textfile"] and "libstdc++" in needed["git-silo"] and "libstdc++" not in needed["storage-plain"]


def seed(platform, *words, check=True):
    result = subprocess.run([f"{BUILD}/bin/seed", "--state", platform.state, "plugin", *words, "--json"], capture_output=True, text=True, timeout=120,
                            env={"PATH": os.environ["PATH"]})
    assert not check or result.returncode == 0, result
    return result


def works(folder, isolation):
    platform = Platform(start=False)
    platform.config = f"{platform.directory}/seed.yaml"
    with open(platform.config, "w") as file:   # JSON is YAML
        json.dump({"platform": {"domain": "seed.test", "silo": "silo.seed.test", "state": platform.state}, "listen": {"ssh": "127.0.0.1:0", "http": "127.0.0.1:0"},
                   "admission": "open", "plugin_directories": [folder, f"{BUILD}/plugins"],
                   "providers": {"runtime": {"plugin": "runtime-qemu"}, "dns": {"plugin": "dns-textfile", "isolation": isolation},
                                 "git": {"plugin": "git-silo", "isolation": isolation}, "storage": {"plugin": "storage-plain", "isolation": isolation}}}, file)
    platform.start()
    with platform:
        core = next(pid for pid, name in platform.processes() if name == "seedd")
        with open(f"/proc/{core}/maps") as maps:
            mapped = maps.read()
        loaded = {plugin for plugin in ("dns-textfile", "git-silo", "storage-plain") if f"/{plugin}.so" in mapped}
        assert loaded == ({"dns-textfile", "git-silo", "storage-plain"} if isolation == "inline" else set()), loaded
        ask = lambda *words: schemas.each("plugin-call", seed(platform, "call", *words).stdout)
        for turn in range(3):
            assert ask("dns", "apply", json.dumps({"zone": "seed.test.", "owner": "me", "sets": [{"name": f"a{turn}.seed.test.", "type": "A", "ttl": 60, "values": ["192.0.2.1"]}]}),
                       "--yes", "apply")[0]["reply"] == {}
            volume = {"volume": f"flake/web/data{turn}", "size_bytes": 1 << 20, "file_system": "ext4"}
            made = ask("storage", "create", json.dumps(volume), "--yes", "create")[0]["reply"]
            assert made["size_bytes"] == 1 << 20, made
            ask("git", "create", json.dumps({"repository": f"made{turn}"}), "--yes", "create")
            # Failures of each: thrown in two C++ libraries, returned in C.
            for words, code in ((("dns", "list", '{"zone":"nowhere."}'), "not_found"), (("storage", "usage", '{"volume":"none/of/these"}'), "not_found"),
                                (("git", "resolve", '{"repository":"absent","ref":"HEAD"}'), "not_found"), (("dns", "list", '{"zone":7}'), "invalid"),
                                (("storage", "usage", '{"volume":7}'), "invalid"), (("git", "resolve", "{}"), "invalid")):
                failed = seed(platform, "call", *words, check=False)
                assert schemas.one("error", failed.stderr)["error"]["code"] == code, (words, failed)
        assert {f"a{turn}.seed.test." for turn in range(3)} <= {one["item"]["name"] for one in ask("dns", "list", '{"zone":"seed.test."}')[:-1]}
        assert len(ask("storage", "list")[0]["reply"]["volumes"]) == 3


with tempfile.TemporaryDirectory(prefix="seed-three-") as folder:
    os.chmod(folder, 0o755)
    build(folder)
    for isolation in ("inline", "process"):
        works(folder, isolation)
