#!/usr/bin/env python3
"""flake.nix as a whole, by `nix flake show` and `nix flake check`: every package, check, app, module and template evaluates.

Then what others make of it: a flake of several instances that follows its nixpkgs, and the flake as a platform publishes it, without
the sources of programs.  Needs a nixpkgs in SEED_NIXPKGS that is a flake (docs/nix.md).  Nothing is built.
"""
import glob
import json
import os
import shutil
import subprocess
import tempfile

from nix_side import BUILD, SOURCE, environment, fits, nixpkgs, parse_meta, skip

tree = nixpkgs("lib", "nixos/modules", "flake.nix")
if not tree:
    skip("no nixpkgs: set SEED_NIXPKGS to a tree with lib, nixos/modules and a flake.nix")
SOPS = """{ outputs = _: { nixosModules.sops = { lib, ... }: {
  options.sops = lib.mkOption { type = lib.types.submodule { freeformType = lib.types.attrsOf lib.types.anything; }; default = { }; };
}; }; }"""

with tempfile.TemporaryDirectory(prefix="seed-test-flake-") as folder:
    os.makedirs("/nix", exist_ok=True)
    for name in ("home/nix", "sops", "multi", "host"):
        os.makedirs(f"{folder}/{name}")
    with open(f"{folder}/sops/flake.nix", "w") as file:
        file.write(SOPS)

    def nix(*words, check=True, seed=None):
        """nix with inputs from this machine, and a store of its own at the place where `nix flake check` wants it."""
        inputs = [(f"{seed}/{name}" if seed else name, place) for name, place in (("nixpkgs", tree), ("sops-nix", f"{folder}/sops"))]
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        result = subprocess.run(["unshare", "--mount", *user, "sh", "-c", 'mount --bind "$0" /nix && exec "$@"', f"{folder}/home/nix", "nix", *words, "--no-write-lock-file",
                                 *(word for name, place in inputs for word in ("--override-input", name, f"path:{place}"))],
                                cwd=folder, capture_output=True, text=True, timeout=900, env={**environment(f"{folder}/home"), "NIX_REMOTE": ""})
        assert not check or result.returncode == 0, f"nix {' '.join(words)}\n{result.stderr[-4000:]}"
        return json.loads(result.stdout) if check and "--json" in words else result

    # The tracked files, as somebody's checkout.
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=SOURCE, capture_output=True, text=True).stdout.split("\0")
    if not any(names):
        skip("needs a checkout with git, to know which files are the project's")
    for name in filter(None, names):
        if os.path.exists(f"{SOURCE}/{name}"):
            os.makedirs(os.path.dirname(f"{folder}/seed/{name}"), exist_ok=True)
            shutil.copy2(f"{SOURCE}/{name}", f"{folder}/seed/{name}", follow_symlinks=False)
    whole = f"path:{folder}/seed"

    shown = nix("flake", "show", "--json", whole)
    plugins = {os.path.basename(os.path.dirname(file)) for file in glob.glob(f"{SOURCE}/plugins/*/plugin.cpp")}
    packages = shown["packages"]["x86_64-linux"]
    assert {"default", "seed", "seed-guest", "guest"} | plugins <= set(packages), packages
    assert all(one["type"] == "derivation" for one in packages.values()), packages
    assert {"templates", "node"} | set(packages) == set(shown["checks"]["x86_64-linux"]), shown["checks"]
    assert set(shown["apps"]["x86_64-linux"]) == {"default", "vm"} and set(shown["nixosModules"]) == {"default", "instance", "cloud-hypervisor"}, shown
    folders = {name for name in os.listdir(f"{SOURCE}/templates") if os.path.isdir(f"{SOURCE}/templates/{name}")}
    assert set(shown["templates"]) == folders | {"default"}, shown["templates"]
    nix("flake", "check", "--no-build", whole)

    # What a tenant writes: several instances, nixpkgs as the platform pins it.  One key instead of the placeholder.
    shutil.copytree(f"{SOURCE}/templates/multi", f"{folder}/multi", dirs_exist_ok=True)
    with open(f"{folder}/multi/.authorized_keys", "w") as file:
        file.write("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHqBMzJB3voP6acB2DdfTb+n3vL8yCvD2A1u+9v6rUHQ somebody\n")
    with open(f"{SOURCE}/templates/multi/flake.nix") as file:
        text = file.read().replace("git+ssh://silo.example.org/seed.git", whole)
    with open(f"{folder}/multi/flake.nix", "w") as file:
        file.write(text)
    metas = nix("eval", "--json", f"path:{folder}/multi#seeds", "--apply", "builtins.mapAttrs (_: seed: seed.meta)", seed="seed")
    assert set(metas) == {"web", "api"}, metas
    assert all("spec" in one for one in parse_meta([{"name": name, "meta": meta} for name, meta in metas.items()])), metas
    assert all(fits(meta) for meta in metas.values())
    locks = nix("flake", "metadata", "--json", f"path:{folder}/multi", seed="seed")["locks"]["nodes"]
    assert locks["root"]["inputs"]["nixpkgs"] == ["seed", "nixpkgs"], locks["root"]
    options = nix("eval", "--json", f"{whole}#lib.options")
    assert options["seed.size"]["default"] == '"xs"' and all(one["description"] for one in options.values()), options

    # As a platform publishes it: no packages, all the rest; a host that would need one is told so.
    published = f"path:{BUILD}/share/seed/flake"
    shown = nix("flake", "show", "--json", published)
    assert not shown.get("packages", {}).get("x86_64-linux") and set(shown["templates"]) == folders | {"default"}, shown
    nix("flake", "check", "--no-build", published)
    shutil.copytree(f"{SOURCE}/templates/node", f"{folder}/host", dirs_exist_ok=True)
    with open(f"{SOURCE}/templates/node/flake.nix") as file:
        text = file.read()
    assert "silo.example.org" not in text, "the node's template would be given the published flake"
    for source, sound in ((whole, True), (published, False)):
        with open(f"{folder}/host/flake.nix", "w") as file:
            file.write(text.replace("git+https://git.example.org/seed.git", source))
        made = nix("eval", "--raw", f"path:{folder}/host#nixosConfigurations.node.config.systemd.services.seedd.serviceConfig.ExecStart", seed="seed", check=False)
        if sound:
            assert made.returncode == 0 and "/bin/seedd --config /nix/store/" in made.stdout, made.stderr
        else:
            assert made.returncode != 0 and "services.seed.package is not set: the flake that a platform publishes has no programs" in made.stderr, made.stderr
print(f"{len(packages)} packages, {len(folders)} templates, {len(options)} options")
