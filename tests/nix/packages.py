#!/usr/bin/env python3
"""The packages of flake.nix fit the sources: what they replace is there, every program that is started is one of nixpkgs', and what they
install is built by what they build.

Looks at nixos/packages with stand-ins for nixpkgs' packages, and runs their own commands on the sources.  Nothing of nixpkgs is built.
"""
import glob
import os
import re
import shutil
import subprocess
import tempfile

from nix_side import BUILD, SOURCE, evaluate

made = evaluate("""
  let
    lib = import ./tests/nix/plain_lib.nix;
    # A package that is only a name; any of nixpkgs' ways to change one gives it again.
    fake = name: derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh"; } // { override = _: fake name; configfile = "config"; modDirVersion = "6"; };
    # As much of a builder as is needed to look at what it was given.
    make = given: fake given.pname // { inherit given; };
    pkgs = lib.genAttrs (input ++ [ "linux_6_12" ]) fake // {
      inherit lib;
      stdenv.mkDerivation = make;
      pkgsStatic.stdenv.mkDerivation = make;
      linkFarm = name: entries: fake name // { inherit entries; };
      runCommand = name: environment: script: fake name // { given = environment // { inherit script; }; };
    };
    all = import ./nixos/packages { inherit pkgs; source = ./.; };
  in {
    paths = builtins.mapAttrs (_: package: package.drvPath) all;
    tools = builtins.listToAttrs (map (one: { inherit (one) name; value = one.path; }) all.tools.entries);
    guest = all.seed-guest.given.buildPhase;
    inherit (all.seed.given) postPatch installPhase ninjaFlags cmakeFlags;
    plugins = builtins.attrNames all.seed.given.passthru.seedPlugins;
    link = "${all.tools}"; pdns = "${pkgs.pdns}";
  }""", [
    "age", "binutils", "boost", "cli11", "cloud-hypervisor", "cmake", "coreutils", "cpio", "curl", "dnsutils", "dpkg", "e2fsprogs", "erofs-utils", "fmt", "gbenchmark", "git",
    "gnutar", "gtest", "iproute2", "kmod", "libarchive", "libgit2", "libseccomp", "libssh", "lz4", "nftables", "ninja", "nix", "nlohmann_json", "openssl",
    "passt", "pdns", "pkg-config", "python3", "qemu_kvm", "rapidcheck", "sqlite", "systemd", "util-linux", "valijson", "yaml-cpp"])
built = {os.path.basename(os.path.dirname(file)) for file in glob.glob(f"{SOURCE}/plugins/*/plugin.cpp")}
assert set(made["paths"]) == {"default", "seed", "seed-guest", "guest", "tools", *built}, made["paths"]
assert set(made["plugins"]) == built, (made["plugins"], built)


def run(*command, **how):
    result = subprocess.run(command, capture_output=True, text=True, timeout=500, **how)
    assert result.returncode == 0, f"{command}\n{result.stdout[-3000:]}{result.stderr[-3000:]}"
    return result.stdout


with tempfile.TemporaryDirectory(prefix="seed-test-packages-") as folder:
    for name in ("core", "plugins", "plugin-api"):
        shutil.copytree(f"{SOURCE}/{name}", f"{folder}/{name}")

    def literals():
        """{program: files} of everything that the sources start or read below /usr, but for their own tests' helpers."""
        found = {}
        for file in glob.glob(f"{folder}/**/*.cpp", recursive=True) + glob.glob(f"{folder}/**/*.h", recursive=True):
            if "/mock/" in file or "/conformance/" in file:
                continue
            with open(file) as text:
                for path in re.findall(r'"(/usr/(?:s?bin|share)/[^"]*)"', text.read()):
                    found.setdefault(path, set()).add(os.path.relpath(file, folder))
        return found

    before = literals()
    started = {os.path.basename(path) for path in before if "bin/" in path and not path.endswith("/")}
    assert {"git", "qemu-system-x86_64", "ip"} <= started and "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql" in before, before
    # Started by name: process.cpp looks for them in the same two folders.
    for file in glob.glob(f"{folder}/core/programs/seed-nix-box/*.cpp"):
        with open(file) as text:
            started |= set(re.findall(r'\.arguments = \{"([a-z][a-z.0-9-]+)"', text.read()))
    with open(f"{folder}/plugins/support/net/host_side.cpp") as text:
        started |= set(re.findall(r'arguments = \{"([a-z]+)"', text.read()))
    assert started == set(made["tools"]), f"nixos/packages/tools.nix and what is started differ in {sorted(started ^ set(made['tools']))}"
    for name, path in made["tools"].items():
        assert path.endswith(f"/bin/{name}"), (name, path)

    run("bash", "-euc", made["postPatch"], cwd=folder)
    assert not literals(), literals()
    with open(f"{folder}/plugin-api/util/cage.cpp") as text:
        assert '{"/nix/store", "/usr", "/lib",' in text.read()
    with open(f"{folder}/plugin-api/util/process.cpp") as text:
        assert f'{{"{made["link"]}/", "{made["link"]}/"}}' in text.read()
    with open(f"{folder}/plugins/dns-powerdns/managed_server.cpp") as text:
        patched = text.read()
    assert f'"{made["link"]}/pdns_server"' in patched and f'"{made["pdns"]}/share/doc/pdns/schema.sqlite3.sql"' in patched

    # The guest's helper is compiled by the command that is there; nothing but whether it compiles is asked.
    compiler = os.environ.get("CXX", "g++")
    run("bash", "-euc", made["guest"].replace("-o seed-guest", "-fsyntax-only"), cwd=folder, env={**os.environ, "CXX": compiler})

    # All that is installed comes from what is built there, or from the guest image.
    assert made["ninjaFlags"] == ["platform"] and "--component platform" in made["installPhase"], made
    commands = run("ninja", "-C", BUILD, "-t", "commands", *made["ninjaFlags"])
    installed = set()
    for file in glob.glob(f"{BUILD}/**/cmake_install.cmake", recursive=True):
        with open(file) as text:
            for component in re.findall(r'COMPONENT STREQUAL "platform".*?\nendif\(\)', text.read(), re.DOTALL):
                for files in re.findall(r"file\(INSTALL DESTINATION .*?FILES(.*?)\)\n", component, re.DOTALL):
                    installed |= set(re.findall(r'"([^"]+)"', files))
    installed = {one for one in installed if one.startswith(BUILD + "/")}
    assert f"{BUILD}/bin/seedd" in installed and f"{BUILD}/guest/vmlinux" in installed, installed
    # The guest's come from nixpkgs; the licence is written by cmake itself.
    elsewhere = {f"{BUILD}/{name}" for name in ("guest/vmlinux", "guest/initrd.cpio", "guest/modules.erofs", "guest/version", "packaging/copyright")}
    assert elsewhere <= installed, sorted(elsewhere - installed)
    for file in sorted(installed - elsewhere):
        short = os.path.relpath(file, BUILD)
        assert re.search(rf"(?:-o |> )(?:{re.escape(BUILD)}/)?{re.escape(short)}(?:\s|$)", commands) or f"copy_directory {SOURCE}/templates {file}/templates" in commands, \
            f"{short} is installed, but the target {made['ninjaFlags']} does not make it"
print(f"{len(made['paths'])} packages, {len(made['tools'])} programs of nixpkgs, {len(installed)} files")
