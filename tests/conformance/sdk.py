#!/usr/bin/env python3
"""Somebody who has only the installed SDK builds a provider in C++ and one in C, outside our tree and unchanged, and both pass the kit.

The C++ one a second time with clang and its own C++ library inside, by pkg-config instead of CMake.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

BUILD, SOURCE = os.environ["SEED_BUILD"], os.environ["SEED_SOURCE"]


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, **options)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {result.returncode}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}")
    return result.stdout


def symbols(plugin):
    return [line.split()[-1] for line in run("nm", "-D", "--defined-only", plugin).splitlines()]


def main():
    with open(f"{BUILD}/CMakeCache.txt") as cache:
        if re.search(r"^SEED_SANITIZE:STRING=\w", cache.read(), re.M):
            print("skipped: an instrumented library is not what is installed")
            sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="seed-sdk-") as work:
        os.chmod(work, 0o755)
        prefix = f"{work}/prefix"
        run("cmake", "--install", BUILD, "--component", "sdk", "--prefix", prefix)
        installed = {os.path.relpath(os.path.join(folder, name), prefix) for folder, _, names in os.walk(prefix) for name in names}
        for needed in ("bin/seed-plugin-check", "bin/seed-plugin-host", "include/seed/abi.h", "include/seed/plugin_entry.hpp", "share/seed/schema/dns-0.json",
                       "share/seed/templates/plugin/dns-textfile.cpp", "share/doc/seed-plugin/plugins/first-provider.md", "share/doc/seed-plugin/contracts/dns.md",
                       "share/man/man1/seed-plugin-check.1", "share/man/man8/seed-plugin-host.8", "share/seed/fakes/fake_http.py"):
            assert needed in installed, f"{needed} is not installed"
        assert any(name.endswith("plugins/mock-dns.so") for name in installed)
        # Who begins with `--target sdk` has everything that is installed.
        commands = run("ninja", "-C", BUILD, "-t", "commands", "sdk")
        for name in sorted(installed):
            if name.startswith("bin/") or name.endswith((".so", ".a")):
                assert os.path.basename(name) in commands, f"target sdk does not make {name}"
        for text in (name for name in installed if name.endswith((".cmake", ".pc", ".h", ".hpp"))):
            content = open(f"{prefix}/{text}").read()
            assert SOURCE not in content and BUILD not in content, f"{text} names the tree it was built in"

        check = f"{prefix}/bin/seed-plugin-check"
        environment = {**os.environ, "CMAKE_PREFIX_PATH": prefix, "PKG_CONFIG_PATH": ":".join(
            os.path.dirname(f"{prefix}/{name}") for name in installed if name.endswith("seed-plugin.pc"))}
        for template, plugin in (("plugin", "dns-textfile"), ("plugin-c", "storage-plain")):
            if template == "plugin-c" and subprocess.run(["pkg-config", "--exists", "jansson"]).returncode != 0:
                print("storage-plain: not built, needs libjansson-dev")
                continue
            folder = shutil.copytree(f"{prefix}/share/seed/templates/{template}", f"{work}/{template}")
            run("cmake", "-S", folder, "-B", f"{folder}/build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", env=environment)
            run("cmake", "--build", f"{folder}/build", env=environment)
            run("ctest", "--test-dir", f"{folder}/build", "--output-on-failure", env=environment)
            assert symbols(f"{folder}/build/{plugin}.so") == ["seed_plugin_v1"], symbols(f"{folder}/build/{plugin}.so")
            assert os.path.exists(f"{folder}/build/{plugin}.json"), "no manifest"
            print(f"{plugin}: built with CMake, passes")

        if not shutil.which("clang++"):
            print("clang is missing: not built with it")
            return
        flags = [run("pkg-config", kind, "seed-plugin", env=environment).split() for kind in ("--cflags", "--libs")]
        run("clang++", "-std=c++20", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", "-fvisibility-inlines-hidden", "-static-libstdc++", "-static-libgcc",
            *flags[0], f"{work}/plugin/dns-textfile.cpp", "-o", f"{work}/dns-textfile.so", *flags[1], env=environment)
        assert symbols(f"{work}/dns-textfile.so") == ["seed_plugin_v1"], symbols(f"{work}/dns-textfile.so")
        assert "libstdc++" not in run("objdump", "-p", f"{work}/dns-textfile.so")
        report = subprocess.run([check, f"{work}/dns-textfile.so", "--seed", "4"], capture_output=True, text=True)
        assert report.returncode == 0, report.stdout
        print("dns-textfile: built with clang and pkg-config, passes")


main()
