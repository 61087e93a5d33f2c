#!/usr/bin/env python3
"""Every platform serves its own flake as `seed.git`: stock Nix takes templates from it and uses it as an input; nobody can push to it."""
import json
import os
import shutil
import subprocess

from nix_side import environment
from seed_person import Person
from seed_platform import SOURCE, Platform, needs, wait_for

needs(root=True)


def nix(person, *arguments, cwd, check=True):
    # A store of the test's own, at the place where Nix 2.8 wants one for templates: /nix, in a mount namespace of its own.
    home = f"{platform.directory}/nix-home"
    os.makedirs(f"{home}/nix", exist_ok=True)
    os.makedirs("/nix", exist_ok=True)
    private = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /nix && exec "$@"', f"{home}/nix"]
    result = subprocess.run([*private, "nix", *arguments], cwd=cwd, capture_output=True, text=True, timeout=200,
                            env={**person.environment(), **environment(home), "NIX_REMOTE": ""})
    assert not check or result.returncode == 0, f"nix {' '.join(arguments)}\n{result.stdout}{result.stderr}"
    return result


platform = Platform(start=False)
with platform:
    # The flake as a release has it: with a lock file, so that templates need nothing else.  Its inputs are not looked into here.
    tree = f"{platform.directory}/flake"
    os.makedirs(tree)
    shutil.copy(f"{SOURCE}/flake.nix", tree)
    for folder in ("nixos", "templates"):
        shutil.copytree(f"{SOURCE}/{folder}", f"{tree}/{folder}")
    for name in ("nixpkgs", "sops-nix"):
        os.makedirs(f"{platform.directory}/{name}")
        with open(f"{platform.directory}/{name}/flake.nix", "w") as flake:
            flake.write("{ outputs = _: { }; }\n")
    platform.publish(tree)
    alice = Person(platform, "alice")
    nix(alice, "flake", "lock", f"path:{tree}", "--override-input", "nixpkgs", f"path:{platform.directory}/nixpkgs",
        "--override-input", "sops-nix", f"path:{platform.directory}/sops-nix", cwd=tree)
    subprocess.run(["chmod", "-R", "a+rX", tree], check=True)
    platform.start()

    # Anybody reads it, over ssh with any key.
    url = f"git+ssh://127.0.0.1:{platform.ssh_port}/seed.git"
    alice.clone("seed")
    first = alice.head("seed")
    with open(f"{alice.folder('seed')}/templates/instance/flake.nix") as file:
        assert "git+ssh://silo.seed.test/seed.git" in file.read()           # the platform's own name

    # The documents' first command.
    fresh = f"{platform.directory}/fresh"
    os.makedirs(fresh)
    nix(alice, "flake", "init", "-t", f"{url}#instance", cwd=fresh)
    assert {"flake.nix", "web.nix", ".gitignore", ".authorized_keys"} <= set(os.listdir(fresh)), os.listdir(fresh)
    subprocess.run(["git", "init", "-q", fresh], check=True)
    ignored = subprocess.run(["git", "-C", fresh, "check-ignore", ".seed-identity-key"], capture_output=True)
    assert ignored.returncode == 0, "the template lets a private key into the repository"
    templates = json.loads(nix(alice, "eval", "--json", f"{url}#templates", "--apply", "builtins.attrNames", cwd=fresh).stdout)
    assert {"instance", "instance-caddy", "instance-api", "multi", "default", "hello", "node"} <= set(templates), templates

    # As an input: the platform's rules check a flake that needs no nixpkgs.
    user = f"{platform.directory}/user"
    os.makedirs(user)
    with open(f"{user}/flake.nix", "w") as flake:
        flake.write('{ inputs.seed.url = "%s"; outputs = { seed, ... }: let\n'
                    '    top = derivation { name = "t"; system = "x86_64-linux"; builder = "/bin/sh"; };\n'
                    '    make = name: options: seed.lib.mkBareSeed { inherit name; toplevel = top; seed = options; };\n'
                    '  in { seeds.web = make "web" { expose.https.enable = true; size = "m"; };\n'
                    '       wrong = make "wrong" { expose.myapp.enable = true; }; }; }\n' % url)
    meta = json.loads(nix(alice, "eval", "--json", f"path:{user}#seeds.web.meta", cwd=user).stdout)
    assert meta["expose"] == {"https": {"port": 443, "protocol": "http"}} and meta["resources"] == {"vcpus": 2, "memory": 2048}, meta
    wrong = nix(alice, "eval", "--json", f"path:{user}#wrong.meta", cwd=user, check=False)
    assert wrong.returncode != 0 and 'seed.expose.myapp: no port is known for the name "myapp": add port = NUMBER;' in wrong.stderr, wrong.stderr

    # Nobody pushes to it or takes its name, and it is nobody's in `status`.
    for branch in ("main", "mine"):
        pushed = alice.git("push", alice.url("seed"), f"HEAD:refs/heads/{branch}", "--force", repo="seed", check=False)
        assert pushed.returncode != 0 and "the platform's own flake" in pushed.stderr, pushed
    assert alice.ask("status")["flakes"] == []

    # The same at the next start; a changed flake is one more commit.
    def head_after_restart():
        platform.stop()
        platform.start()
        alice.git("fetch", "-q", alice.url("seed"), "main", repo="seed")
        return alice.git("rev-parse", "FETCH_HEAD", repo="seed").stdout.strip()

    assert head_after_restart() == first
    with open(f"{tree}/templates/instance/web.nix", "a") as file:
        file.write("# changed\n")
    second = head_after_restart()
    parent = alice.git("rev-parse", f"{second}^", repo="seed").stdout.strip()
    assert second != first and parent == first, (first, second, parent)
