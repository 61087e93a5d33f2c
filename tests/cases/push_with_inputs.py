#!/usr/bin/env python3
"""A pushed flake whose inputs are the platform's own `seed.git`, what that one locks, and an archive from elsewhere ends as a running instance.

The names are the real ones; behind them is a server of the test's own. nixpkgs and sops-nix are stand-ins without content.
"""
import json
import os
import shutil
import subprocess

from flake_inputs import REV, archive, github, nar_hash, tarball, tree_hash
from https_origin import Origin
from seed_person import Person
from seed_platform import SOURCE, Platform, needs

needs(root=True, programs=["openssl"])

STUB = {"flake.nix": "{ outputs = _: { }; }\n"}
PAGE = {"page.txt": "a page from an archive\n"}


def lock(seed, page):
    def forge(owner, repo, **original):
        return {"locked": github(owner, repo, tree_hash(STUB)), "original": {"type": "github", "owner": owner, "repo": repo, **original}}
    return json.dumps({"version": 7, "root": "root", "nodes": {
        "root": {"inputs": {"seed": "seed", "page": "page"}},
        "seed": {"inputs": {"nixpkgs": "nixpkgs", "sops-nix": "sops-nix"}, "locked": seed, "original": {"type": "git", "url": seed["url"]}},
        "page": {"flake": False, "locked": page, "original": {"type": "tarball", "url": page["url"]}},
        "nixpkgs": forge("NixOS", "nixpkgs", ref="nixos-25.11"),
        "sops-nix": {"inputs": {"nixpkgs": ["seed", "nixpkgs"]}, **forge("Mic92", "sops-nix")}}})


platform = Platform(start=False)
origin = Origin(f"{platform.directory}/origin", "files.example", "github.com", "codeload.github.com", "cache.nixos.org")
with origin, platform:
    tree = f"{platform.directory}/flake"
    os.makedirs(tree)
    shutil.copy(f"{SOURCE}/flake.nix", tree)
    for folder in ("nixos", "templates"):
        shutil.copytree(f"{SOURCE}/{folder}", f"{tree}/{folder}")
    subprocess.run(["chmod", "-R", "a+rX", tree], check=True)
    platform.publish(tree, origin.yaml())
    platform.start()
    for owner, repo in (("NixOS", "nixpkgs"), ("Mic92", "sops-nix")):
        origin.pages[f"/{owner}/{repo}/archive/{REV}.tar.gz"] = origin.redirect(f"https://codeload.github.com/{owner}/{repo}/tar.gz/{REV}")
        origin.pages[f"/{owner}/{repo}/tar.gz/{REV}"] = archive(STUB)
    origin.pages["/page.tar.gz"] = archive(PAGE)

    # What `nix flake lock` on Alice's machine would write.
    alice = Person(platform, "alice")
    alice.clone("seed")
    os.makedirs(f"{platform.directory}/seed-tree")
    alice.git("archive", "--format=tar", "-o", f"{platform.directory}/seed.tar", "HEAD", repo="seed")
    subprocess.run(["tar", "-x", "-f", f"{platform.directory}/seed.tar", "-C", f"{platform.directory}/seed-tree"], check=True)
    seed = {"type": "git", "url": f"ssh://silo.seed.test:{platform.ssh_port}/seed.git", "rev": alice.head("seed"), "lastModified": 1,
            "narHash": nar_hash(f"{platform.directory}/seed-tree")}
    page = tarball("https://files.example/page.tar.gz", tree_hash(PAGE))

    def with_inputs(text):
        text = text.replace("outputs = { self }:", 'inputs.seed.url = "git+%s";\n  inputs.page = { url = "%s"; flake = false; };\n  outputs = { self, seed, page }:'
                            % (seed["url"], page["url"]))
        text = text.replace('echo "Boot number', 'cat ${page}/page.txt\n        echo "Boot number')
        head, meta = text.split("  in {\n", 1)
        assert "rollout" in meta
        return head + """  in {
    seeds.hello = seed.lib.mkBareSeed { name = "hello"; inherit toplevel; seed = { expose.http = { enable = true; port = 80; }; }; };
  };
}
"""

    # The archive is not what was locked: refused before anything is built, in a line with both hashes.
    wrong = {**page, "narHash": "sha256-" + "A" * 43 + "="}
    alice.make_repo("app", "hello", {"flake.nix": with_inputs, "flake.lock": lock(seed, wrong)})
    said = alice.push("app").stderr
    assert "is not what flake.lock says" in said and page["narHash"] in said and "building" not in said, said

    # As locked: fetched, evaluated with the platform's own functions, built, running.
    alice.change("app", {"flake.lock": lock(seed, page)})
    said = alice.push("app").stderr
    assert "fetched 3 inputs (page, seed, sops-nix)" in said and "hello is ready" in said, said   # nixpkgs is there since the push before
    assert "a page from an archive" in platform.get(alice.instance("app")["urls"][0], deadline=60)
    assert any(path.startswith("cache.nixos.org") for path in origin.asked), "the default binary cache was not asked"

    # Another commit with the same lock file asks nobody for an input; nor does a restart of the platform.
    def inputs_asked():
        return [path for path in origin.asked if not path.startswith("cache.nixos.org")]
    asked = len(inputs_asked())
    alice.change("app", {"flake.nix": lambda text: text.replace("Boot number", "Start number")})
    said = alice.push("app").stderr
    assert "hello is ready" in said and "fetch" not in said, said
    assert len(inputs_asked()) == asked, inputs_asked()

    # An address inside, as an input: refused with the reason, and what runs goes on.
    alice.change("app", {"flake.lock": lock(seed, {**page, "url": "https://169.254.169.254/latest"})})
    said = alice.push("app").stderr
    assert "169.254.169.254, a link-local address" in said, said
    assert "Start number" in platform.get(alice.instance("app")["urls"][0], deadline=30)
