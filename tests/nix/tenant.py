#!/usr/bin/env python3
"""A newcomer with nothing but git, ssh, Nix and the documents: their commands, word by word, against a running platform.

`hello` from the platform's own seed.git to a page that answers.  Then docs/nix.md, "From nothing to a running instance", for each template with
nixpkgs: without one up to the lock file, which then is missing, and said so; with SEED_NIXPKGS (a flake) up to the evaluation
on the platform, by NixOS' own modules.  Nothing of nixpkgs is built.
"""
import io
import json
import os
import re
import subprocess
import tarfile

from flake_inputs import REV, github, nar_hash
from https_origin import Origin
from nix_side import environment, nixpkgs
from seed_person import Person
from seed_platform import BUILD, SOURCE, Platform, needs

needs(root=True, programs=["openssl", "busybox"])
SOPS = {"flake.nix": """{ outputs = _: { nixosModules.sops = { lib, ... }: {
  options.sops = lib.mkOption { type = lib.types.submodule { freeformType = lib.types.attrsOf lib.types.anything; }; default = { }; };
}; }; }
"""}


def commands(page, first):
    """The lines of the page's fenced block that begins with FIRST."""
    with open(f"{SOURCE}/{page}") as file:
        blocks = re.findall(r"^```\w*\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)
    return next(block for block in blocks if block.startswith(first)).splitlines()


def packed(folder):
    """The folder as a forge's archive."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz", compresslevel=1) as tar:
        tar.add(folder, arcname=f"source-{REV}")
    return data.getvalue()


platform = Platform(start=False)
origin = Origin(f"{platform.directory}/origin", "github.com", "codeload.github.com", "cache.nixos.org")
with origin, platform:
    platform.publish(f"{BUILD}/share/seed/flake", origin.yaml())
    platform.start()
    alice = Person(platform, "alice")
    os.makedirs(f"{alice.home}/.ssh")
    os.link(f"{alice.key}.pub", f"{alice.home}/.ssh/id_ed25519.pub")
    os.makedirs(f"{alice.home}/nix")
    os.makedirs("/nix", exist_ok=True)
    host = f"127.0.0.1:{platform.ssh_port}"

    def shell(lines, folder, check=True):
        """The lines in Alice's shell, each of which must succeed; Nix's store is her own."""
        text = "\n".join(lines).replace("PLATFORM", host).replace("silo.example.org", host)
        os.makedirs(folder, exist_ok=True)
        result = subprocess.run(["unshare", "--mount", "bash", "-euc", f'mount --bind "$HOME/nix" /nix\n{text}'], cwd=folder, capture_output=True, text=True, timeout=900,
                                env={**environment(alice.home), **alice.environment(), "HOME": alice.home, "NIX_CONF_DIR": alice.home, "NIX_REMOTE": "",
                                     "GIT_CONFIG_GLOBAL": f"{alice.home}/.gitconfig", "SSL_CERT_FILE": "/nonexistent"})
        assert not check or result.returncode == 0, f"{text}\n{result.stdout}\n{result.stderr}\n--- its log\n{platform.log()[-3000:]}"
        return result

    # hello: four commands, then a page.
    steps = commands("templates/hello/README.md", "nix flake init")
    assert len(steps) == 4, steps
    pushed = shell(steps, f"{alice.home}/hello").stderr
    assert "hello is ready" in pushed, pushed
    page = platform.get(alice.instance("my-app")["urls"][0], deadline=60)
    assert "Hello from instance hello in namespace s-" in page, page
    for word in ("status", "logs my-app/hello", "help"):
        assert alice.ssh(*word.split()).stdout, word

    # The templates with nixpkgs, by the manual.
    steps = commands("docs/nix.md", "mkdir my-app")
    assert len(steps) == 8 and steps[1].endswith("#instance") and steps[4].startswith("nix flake lock"), steps
    tree = nixpkgs("lib", "nixos/modules", "flake.nix")
    sops = f"{platform.directory}/sops"
    os.makedirs(sops)
    with open(f"{sops}/flake.nix", "w") as file:
        file.write(SOPS["flake.nix"])
    inputs = {"NixOS/nixpkgs": tree, "Mic92/sops-nix": sops}
    if tree:
        alice.clone("seed")
        alice.git("archive", "--format=tar", "-o", f"{alice.home}/seed.tar", "HEAD", repo="seed")
        subprocess.run(["tar", "-x", "--one-top-level=seed-tree", "-f", "seed.tar"], cwd=alice.home, check=True)
        hashes = {name: nar_hash(folder) for name, folder in inputs.items()}
        for name, folder in inputs.items():
            origin.pages[f"/{name}/archive/{REV}.tar.gz"] = origin.redirect(f"https://codeload.github.com/{name}/tar.gz/{REV}")
            origin.pages[f"/{name}/tar.gz/{REV}"] = packed(folder)

    def locked(name, **original):
        owner, repo = name.split("/")
        return {"locked": github(owner, repo, hashes[name]), "original": {"type": "github", "owner": owner, "repo": repo, **original}}

    def lock():
        """What `nix flake lock` writes where github.com can be reached."""
        url = "ssh://silo.seed.test/seed.git"
        return json.dumps({"version": 7, "root": "root", "nodes": {
            "root": {"inputs": {"nixpkgs": ["seed", "nixpkgs"], "seed": "seed"}},
            "seed": {"inputs": {"nixpkgs": "nixpkgs", "sops-nix": "sops-nix"}, "original": {"type": "git", "url": url},
                     "locked": {"type": "git", "url": url, "rev": alice.head("seed"), "lastModified": 1, "narHash": nar_hash(f"{alice.home}/seed-tree")}},
            "nixpkgs": locked("NixOS/nixpkgs", ref="nixos-25.11"),
            "sops-nix": {"inputs": {"nixpkgs": ["seed", "nixpkgs"]}, **locked("Mic92/sops-nix")}}})

    for template, instances in (("instance", ["web"]), ("instance-caddy", ["web"]), ("instance-api", ["api"]), ("multi", ["api", "web"])):
        def line(number):
            # The form that looks nothing else up: there is no github.com here.  published.py has the other one.
            short = f"git+ssh://silo.example.org/seed.git#{template}"
            text = steps[number].replace("my-app", f"app-{template}").replace("#instance", f"#{template}").replace(".#seeds.web", f".#seeds.{instances[0]}")
            return text.replace(short, f"'{short.replace('#', '?dir=templates#')}'")
        folder = f"{alice.home}/app-{template}"
        # Nix 2.8 takes no name for an address: the documents' name is in the template, the address is what this machine has.
        shell([line(0), line(1), "cat .authorized_keys | grep REPLACE-THIS-LINE"], alice.home)
        with open(f"{folder}/flake.nix") as file:
            assert f"git+ssh://silo.seed.test/seed.git" in file.read()
        with_inputs = f"--override-input seed git+ssh://{host}/seed.git " + "".join(f"--override-input seed/{name} path:{place} " for name, place in (("nixpkgs", tree), ("sops-nix", sops)))
        if tree:
            told = shell(["git init -q -b main && git add .", f"{line(5)} --no-write-lock-file {with_inputs}"], folder, check=False)
            assert told.returncode != 0 and ".authorized_keys still holds the template's placeholder" in told.stderr, told
        shell([line(2), line(3)], folder)
        ignored = shell(["touch .seed-identity-key", "git check-ignore .seed-identity-key"], folder)
        assert ignored.stdout.strip() == ".seed-identity-key"
        # Without the lock file: refused, with the command that the manual has for it.
        told = shell([line(6), line(7)], folder).stderr
        assert "run `nix flake lock`, commit" in told and "FAILED" in told, told
        if not tree:
            continue
        meta = json.loads(shell([f"{line(5)} --no-write-lock-file {with_inputs}"], folder).stdout)
        assert meta["name"] == instances[0], meta
        with open(f"{folder}/flake.lock", "w") as file:
            file.write(lock())
        told = shell(["git add flake.lock && git commit -qm locked", line(7)], folder).stderr
        # Evaluated: its instances are known by name, and what comes next is the build of stand-ins.
        assert "evaluation refused" not in told and "evaluated" in told and "build" in told, told
        print(f"{template}: {', '.join(instances)} evaluated on the platform")
if not tree:
    print("without nixpkgs (SEED_NIXPKGS) the templates that want it were not evaluated")
