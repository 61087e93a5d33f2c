#!/usr/bin/env python3
"""Only what changed restarts; what was removed goes, its volume stays; a volume returns with its instance."""
from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True)

with Platform() as platform:
    alice = Person(platform, "alice")
    alice.make_repo("shop", "two", {"web.txt": "web one\n", "api.txt": "api one\n"})
    alice.push("shop")
    web, api = alice.instance("shop", "web"), alice.instance("shop", "api")
    assert platform.get(web["urls"][0], deadline=30) == "web one\n"
    assert platform.get(api["urls"][0], deadline=30) == "api one\n"

    # Two instances, one changed: only that one restarts.
    alice.change("shop", {"web.txt": "web two\n"})
    alice.push("shop")
    wait_for(lambda: platform.get(alice.instance("shop", "web")["urls"][0]) == "web two\n", "the new page is served", 60)
    assert alice.instance("shop", "api")["boot"] == api["boot"], "api restarted although nothing of it changed"
    assert alice.instance("shop", "web")["boot"] != web["boot"]
    assert alice.instance("shop", "web")["address"] == web["address"], "the service address moved"

    # A second repository with a volume, which outlives its instance.
    alice.make_repo("app", "hello")
    alice.push("app")
    hello = alice.instance("app")
    volume = hello["volumes"][0]
    assert "Boot number 1" in platform.get(hello["urls"][0], deadline=30)
    alice.change("app", {"flake.nix": lambda text: text.replace("seeds.hello", "seeds.other").replace('name = "hello";\n        size', 'name = "other";\n        size')})
    alice.push("app")
    assert [one["name"] for one in alice.flake("app")["instances"]] == ["other"]
    assert alice.flake("app")["detached_volumes"] == [volume], alice.flake("app")
    assert platform.dig(hello["fqdn"]) == [], "the record of the removed instance is still there"
    assert not platform.answers(hello["urls"][0]) or "other" in platform.get(hello["urls"][0])
    assert any(one["volume"] == volume and not one["attached"] for one in alice.ask("volumes")["volumes"])

    # The instance returns and finds its volume as it was.
    alice.git("revert", "--no-edit", "HEAD", repo="app")
    alice.push("app")
    assert "Boot number 2" in platform.get(alice.instance("app", "hello")["urls"][0], deadline=60)
