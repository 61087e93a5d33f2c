"""What the tests of the Nix side share: Debian's Nix on files of the source tree, without network, registry or a store of its own."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("SEED_SOURCE") or os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.environ.get("SEED_BUILD") or os.path.join(SOURCE, "build")


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


if not shutil.which("nix-instantiate"):
    skip("needs nix-instantiate (Debian: nix-bin)")


def nixpkgs(*parts):
    """The nixpkgs tree of SEED_NIXPKGS, when it has all of PARTS (lib, nixos/modules); else None."""
    tree = os.environ.get("SEED_NIXPKGS", "")
    return tree if tree and all(os.path.exists(os.path.join(tree, part)) for part in parts) else None


# Nix: `nixos`, { lib; nixosSystem; } of the tree.  One without packages brings it as nixos-system.nix.
NIXOS = """
    nixos = if builtins.pathExists (tree + "/nixos-system.nix") then import (tree + "/nixos-system.nix") { } else rec {
      lib = import (tree + "/lib");
      nixosSystem = arguments: import (tree + "/nixos/lib/eval-config.nix") (arguments // { inherit lib; });
    };
"""


def environment(home):
    settings = ("experimental-features = nix-command flakes\nsubstituters =\nuse-registries = false\nbuild-users-group =\n"
                "warn-dirty = false\nconnect-timeout = 2\ndownload-attempts = 1\n"
                f"flake-registry = {home}/registry.json\n")
    for name, text in (("nix.conf", settings), ("registry.json", '{"version":2,"flakes":[]}')):
        with open(f"{home}/{name}", "w") as file:
            file.write(text)
    keep = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR", "SEED_NIXPKGS")}
    return {**keep, "HOME": home, "NIX_CONF_DIR": home, "NIX_REMOTE": f"local?root={home}/store", "GIT_CONFIG_NOSYSTEM": "1"}


def nix_instantiate(expression, *options, cwd=SOURCE, timeout=1200):
    with tempfile.TemporaryDirectory(prefix="seed-nix-") as home:
        try:
            return subprocess.run(["nix-instantiate", "--eval", "--strict", "--json", *options, "-"], input=expression, cwd=cwd, text=True,
                                  env=environment(home), capture_output=True, timeout=timeout)
        finally:
            subprocess.run(["chmod", "-R", "u+w", home], check=True)


def evaluate(expression, value=None, **how):
    """The expression's value; `input` in it is VALUE.  Paths are relative to the source tree."""
    literal = json.dumps(json.dumps(value)).replace("${", "\\${")
    result = nix_instantiate(f"let input = builtins.fromJSON {literal}; in {expression}", **how)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def refusal(expression, value=None, **how):
    """What Nix says of an expression that has to fail."""
    literal = json.dumps(json.dumps(value)).replace("${", "\\${")
    result = nix_instantiate(f"let input = builtins.fromJSON {literal}; in {expression}", **how)
    assert result.returncode != 0, f"evaluation had to fail, but gave {result.stdout[:2000]}"
    return result.stderr


def described(cases):
    """[{"name","seed"}] to [{"meta" or null,"mistakes","warnings"}] by nixos/lib."""
    return evaluate("map (case: let d = (import ./nixos/lib).describe { inherit (case) name seed; };"
                    " in { inherit (d) mistakes; meta = if d.mistakes == [ ] then d.meta else null; }) input", cases)


def fits(meta):
    """META, when it is as nixos/lib/meta.schema.json says; fails naming the places."""
    import jsonschema          # Debian: python3-jsonschema; only some tests need it

    with open(f"{SOURCE}/nixos/lib/meta.schema.json") as file:
        mistakes = [f"{'/'.join(map(str, one.path))}: {one.message}" for one in jsonschema.Draft7Validator(json.load(file)).iter_errors(meta)]
    assert not mistakes, (mistakes, meta)
    return meta


def parse_meta(requests):
    """What core/model makes of each request (parse_meta.cpp)."""
    program = f"{BUILD}/tests/nix/parse_meta"
    if not os.path.exists(program):
        skip(f"needs {program}")
    result = subprocess.run([program], input="".join(json.dumps(one) + "\n" for one in requests), capture_output=True, text=True, timeout=100)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]
