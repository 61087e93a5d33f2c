#!/usr/bin/env python3
"""git push -o plan, nowait, wait=SECONDS; unknown options; plan and diff over ssh; quotas, in the plan, in status and at a push."""
from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True)

QUOTAS = """
quotas:
  default: { instances: 2, vcpus: 2, memory: 1Gi, disk: 1Gi }
  repositories: { big: { instances: 3 } }
"""

with Platform(settings=QUOTAS) as platform:
    alice, bob = Person(platform, "alice"), Person(platform, "bob")
    alice.make_repo("shop", "two", {"web.txt": "web one\n", "api.txt": "api one\n"})

    # There is nothing to compare with yet; the name stays free.
    told = alice.push("shop", "-o", "plan", check=False)
    assert told.returncode != 0 and "nothing to compare with" in told.stderr, told.stderr
    assert alice.ask("status")["flakes"] == []
    alice.push("shop")
    url = alice.wait_ready("shop", "web")["urls"][0]
    boots = {one["name"]: one["boot"] for one in alice.flake("shop")["instances"]}
    first = alice.head("shop")

    # A plan says what would change and why, and changes nothing, not even the ref.
    alice.change("shop", {"web.txt": "web two\n"})
    told = alice.push("shop", "-o", "plan", check=False)
    assert told.returncode != 0, told.stderr
    for words in ("plan for " + alice.head("shop")[:10], "compared with generation 1", "web: changed, restarts (closure", "start web", "to build first: web",
                  "2 of 2 instances", "nothing was pushed"):
        assert words in told.stderr, (words, told.stderr)
    assert "api: changed" not in told.stderr and "REFUSED" not in told.stderr, told.stderr
    assert alice.git("ls-remote", alice.url("shop"), "refs/heads/main").stdout.split()[0] == first
    assert [one["commit"] for one in alice.ask("deployments", "shop")["deployments"]] == [first]
    assert {one["name"]: one["boot"] for one in alice.flake("shop")["instances"]} == boots and platform.get(url) == "web one\n"

    # What does not evaluate says so; what would be too much is refused in the plan and at the push, before anything is built.
    good = alice.head("shop")
    alice.change("shop", {"flake.nix": "{ outputs = { self }: { seeds.x = throw \"not today\"; }; }"})
    assert "not today" in alice.push("shop", "-o", "plan", check=False).stderr
    alice.git("reset", "-q", "--hard", good, repo="shop")
    third = 'more = instance { name = "more"; port = 81; text = ./web.txt; };\n      api = instance'
    alice.change("shop", {"flake.nix": lambda text: text.replace("api = instance", third)})
    told = alice.push("shop", "-o", "plan", check=False).stderr
    assert "REFUSED: the quota of shop is exceeded: instances: 3 asked for, 2 allowed" in told and "more: added" in told, told
    told = alice.push("shop").stderr
    assert "FAILED while evaluating" in told and "instances: 3 asked for, 2 allowed" in told and "vCPU: 3 asked for" in told, told
    assert {one["name"]: one["boot"] for one in alice.flake("shop")["instances"]} == boots
    assert "2/2 instances" in alice.ssh("status", "shop").stdout
    assert {"what": "vcpus", "used": 2, "limit": 2} in alice.flake("shop")["quota"]

    # The options that are known, and no others; nothing of a refused push arrives.
    alice.commit("shop", "something to push")
    for options in (["frobnicate"], ["plan", "x"], ["wait"], ["wait="], ["wait=abc"], ["wait=-1"], ["wait=999999"], ["plan=1"], ["$(id)"]):
        told = alice.push("shop", *(word for one in options for word in ("-o", one)), check=False)
        assert told.returncode != 0 and "known are plan, nowait, wait=SECONDS" in told.stderr, (options, told.stderr)
    # A stranger's plan is refused like his push.
    bob.clone("shop")
    bob.commit("shop", "mine")
    refused = bob.push("shop", "-o", "plan", check=False)
    assert refused.returncode != 0 and "may not push" in refused.stderr and "plan for" not in refused.stderr, refused.stderr
    for words in (("plan", "shop"), ("diff", "shop")):
        assert bob.ssh(*words, check=False).returncode == 3

    # nowait returns at once, wait=SECONDS after so long; both are deployed.
    alice.git("reset", "-q", "--hard", good, repo="shop")
    told = alice.push("shop", "--force", "-o", "nowait").stderr
    assert "deploying; see" in told and "evaluated" not in told, told
    wait_for(lambda: platform.get(url) == "web two\n", "it is deployed all the same", 120)
    wait_for(lambda: alice.flake("shop")["phase"] == "", "it has come to rest", 60)
    alice.change("shop", {"web.txt": "web three\n", "flake.nix": lambda text: text.replace("args = [ \"sh\" \"-ec\" ''", "args = [ \"sh\" \"-ec\" ''\n$bb sleep 8", 1)})
    told = alice.push("shop", "-o", "wait=2").stderr
    assert "still deploying after 2 s" in told and "deployed in" not in told, told
    wait_for(lambda: platform.get(url) == "web three\n", "it is deployed all the same", 120)
    wait_for(lambda: alice.flake("shop")["phase"] == "", "it has come to rest", 120)

    # plan and diff over ssh.
    nothing = alice.ask("plan", "shop")
    assert not nothing["changes"] and nothing["actions"] == [] and nothing["refusal"] == "", nothing
    back = alice.ask("plan", "shop", first)
    assert back["changes"] and [one["change"] for one in back["differences"]].count("changed") == 2, back
    last = alice.ask("diff", "shop")
    assert last["from"] == "generation 2" and last["to"] == "generation 3 (running)" and not last["same"], last
    same = alice.ask("diff", "shop", "1", first[:10])
    assert same["same"] and same["to"] == f"commit {first[:10]}", same
    assert "web: changed, restarts" in alice.ssh("diff", "shop", "1", "2").stdout
    for words, status in ((("diff", "shop", "77"), 3), (("diff", "shop", "'a b'"), 2), (("plan", "shop", "abcdefabcdef"), 3), (("diff", "other"), 3)):
        assert alice.ssh(*words, check=False).returncode == status, words
