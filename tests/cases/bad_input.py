#!/usr/bin/env python3
"""Bad input is answered with a clear line and changes nothing."""
from seed_person import Person
from seed_platform import Platform, needs

needs(root=True)


def meta(text):
    """The template's instance with this meta instead of its own."""
    return lambda old: old.split("meta = {", 1)[0] + 'meta = { name = "hello"; ' + text + " };\n    };\n  };\n}\n"


# What is pushed, and the words that must be told.
cases = {
    "no seeds": ({"flake.nix": "{ outputs = { self }: { packages = { }; }; }\n"}, ["no seeds"]),
    "evaluation error": ({"flake.nix": '{ outputs = { self }: { seeds.hello = throw "the moon is wrong"; }; }\n'}, ["evaluating", "the moon is wrong"]),
    "syntax error": ({"flake.nix": "{ outputs = { self }: { seeds = ; }; }\n"}, ["evaluating", "syntax error"]),
    "no flake": ({"flake.nix": None}, ["flake.nix"]),
    "failing build": ({"flake.nix": lambda old: old.replace("mkdir -p $out\n        printf", "echo the builder is sad; exit 3\n        printf")},
                      ["building", "the builder is sad"]),
    "unknown size": ({"flake.nix": meta('size = "huge";')}, ["hello", "size", "huge", "xs"]),
    "one mount point twice": ({"flake.nix": meta('storage = { a = { size = "64Mi"; mountPoint = "/data"; }; b = { size = "64Mi"; mountPoint = "/data"; }; };')},
                              ["hello", "/data"]),
    "rolling with a volume": ({"flake.nix": meta('rollout = "rolling"; storage.data = "64Mi";')}, ["hello", "rolling", "data"]),
    "mount point of the platform": ({"flake.nix": meta('storage.a = { size = "64Mi"; mountPoint = "/nix/store"; };')}, ["/nix/store"]),
    "impossible port": ({"flake.nix": meta("expose.http = 70000;")}, ["http", "70000"]),
}

with Platform() as platform:
    alice = Person(platform, "alice")
    alice.make_repo("app", "hello")
    alice.push("app")
    good = alice.instance("app")
    for name, (changes, words) in cases.items():
        before = alice.head("app")
        alice.change("app", changes, name)
        told = alice.push("app").stderr
        for word in ["FAILED", *words]:
            assert word in told, f"{name}: '{word}' is not in:\n{told}"
        assert alice.instance("app")["boot"] == good["boot"], f"{name}: the running instance was touched"
        assert alice.flake("app")["revision"]["state"] == "failed"
        alice.git("reset", "-q", "--hard", before, repo="app")
        alice.git("push", "-q", "-f", "-o", "nowait", alice.url("app"), "HEAD:refs/heads/main", repo="app")

    # Names that could be paths or options.
    for url in ("../etc/passwd", "--upload-pack=touch", "a/../b", ".hidden", "a..b", "%2e%2e/x"):
        refused = alice.run(["git", "ls-remote", f"ssh://127.0.0.1:{platform.ssh_port}/{url}"], check=False)
        assert refused.returncode != 0 and "name" in refused.stderr, f"{url}: {refused}"
    for ref in ("refs/heads/-x", "refs/notes/x", "refs/seed/x"):
        refused = alice.run(["git", "push", alice.url("app"), f"HEAD:{ref}"], check=False, cwd=alice.folder("app"))
        assert refused.returncode != 0, f"{ref}: {refused}"

    # Commands that do not exist, arguments that make no sense: one line, a status, nothing else.
    for words, status in ((["stauts"], 2), (["logs"], 2), (["logs", "nothing"], 3), (["restart", "other/hello"], 3), (["logs", "a;b"], 1)):
        answer = alice.ssh(*words, check=False)
        assert answer.returncode != 0 and answer.stderr.strip(), (words, answer)
