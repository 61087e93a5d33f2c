#!/usr/bin/env python3
"""Generations: back by hand in seconds and without Nix, back by itself when a push does not get ready, lists that tell it, collection."""
import re
import time

import schemas
from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True)


def page(text):
    return {"web.txt": f"{text}\n"}


with Platform(settings="limits: { ready_seconds: 40, keep_generations: 3 }") as platform:
    alice, bob = Person(platform, "alice"), Person(platform, "bob")
    alice.make_repo("shop", "two", {"web.txt": "web one\n", "api.txt": "api one\n"})
    alice.push("shop")
    url = alice.wait_ready("shop", "web")["urls"][0]
    api = alice.instance("shop", "api")

    def serves(text, deadline=60):
        wait_for(lambda: platform.get(alice.instance("shop", "web")["urls"][0]) == text + "\n", f"{text} is served", deadline)

    serves("web one")
    refused = alice.ssh("rollback", "shop", check=False)
    assert refused.returncode == 3 and "no older generation" in refused.stderr, refused.stderr

    alice.change("shop", page("web two"))
    alice.push("shop")
    serves("web two")

    # Back, in seconds, with nothing evaluated or built: the log of seedd names every Nix step as an action of seed-nix-box.
    boxes = set()

    def note_boxes():
        boxes.update(pid for pid, _ in platform.processes("seed-nix-box"))
        return False

    wait_for(lambda: not platform.processes("seed-nix-box"), "the collection after the push has ended", 60)
    began = time.monotonic()
    back = schemas.one("rollback", alice.ssh("rollback", "shop", "--json").stdout)
    assert back["kind"] == "rollback" and back["state"] == "deployed" and (back["previous"], back["generation"]) == (2, 1), back
    assert back["by"].startswith("SHA256:") and "evaluate" not in back["timings"], back
    serves("web one")
    print(f"rollback: {back['finished_ms'] - back['created_ms']} ms, served after {time.monotonic() - began:.2f} s")
    assert alice.instance("shop", "api")["boot"] == api["boot"], "an instance that is the same in both was restarted"
    assert "after a rollback" in alice.ssh("status", "shop").stdout

    # A restart of the platform keeps what was gone back to, though the ref says otherwise; again without Nix.
    platform.kill()
    platform.start()
    wait_for(lambda: note_boxes() or alice.instance("shop", "web")["state"] == "ready", "the platform is back", 60)
    assert not boxes, "Nix ran at the start for an unchanged revision"
    serves("web one")
    assert [one["kind"] for one in schemas.fits("deployments", alice.ask("deployments", "shop"))["deployments"]] == ["rollback", "push", "push"]

    # The same again is refused; twice is where we were; a stranger sees nothing.
    assert "already" in alice.ssh("rollback", "shop", "1", check=False).stderr
    back = schemas.fits("rollback", alice.ask("rollback", "shop/web"))
    assert (back["generation"], back["instance"]) == (2, "web"), back
    schemas.fits("generations", alice.ask("generations", "shop"))
    assert {one["instance"]: one["change"] for one in schemas.fits("diff", alice.ask("diff", "shop", "1", "2"))["differences"]} == {"api": "unchanged", "web": "changed"}
    assert schemas.fits("diff", alice.ask("diff", "shop", "2", "2"))["same"]
    schemas.fits("plan", alice.ask("plan", "shop"))
    serves("web two")
    for words in (("rollback", "shop"), ("generations", "shop"), ("deployments", "shop"), ("rollback", "shop/web", "1")):
        assert bob.ssh(*words, check=False).returncode == 3, words
    for bad in ("99", "x", "deadbeef", "$(id)", "-1", "1;2"):
        refused = alice.ssh("rollback", "shop", f"'{bad}'", check=False)
        assert refused.returncode in (2, 3) and refused.stderr.count("\n") == 1, (bad, refused)

    # A push that stops before it is ready: told with the guest's last words, and the old one runs again.
    alice.change("shop", {"flake.nix": lambda text: text.replace('echo "$name: serving on port $port"', 'echo "$name cannot find its database"; exit 7')
                          .replace("echo \"echo $name: serving on port $port\"", "echo \"echo $name cannot find its database; exit 7\""),
                          **page("web three")})
    told = alice.push("shop").stderr
    assert "FAILED while starting" in told and "cannot find its database" in told and "rolled back to generation 2" in told, told
    assert "trying again" in told, told
    serves("web two")
    flake = alice.flake("shop")
    assert flake["generation_number"] == 2 and flake["deployment"]["kind"] == "return" and flake["trouble"] == "", flake
    assert "rollback" in alice.ssh("status", "shop").stdout
    happened = schemas.each("events", alice.ssh("events", "shop", "--json").stdout)
    returned = [one for one in happened if one["type"] == "returned"]
    assert len(returned) == 1 and "did not get ready" in returned[0]["reason"], returned
    assert [one["type"] for one in happened if one["type"] in ("failed", "returned")] == ["returned", "failed"], happened
    assert len([one for one in happened if one["type"] == "rolled_back"]) == 2, happened
    boots = {one["name"]: one["boot"] for one in flake["instances"]}
    made = [one for one in alice.ask("generations", "shop")["generations"] if not one["ready"]]
    assert [one["generation"] for one in made] in ([], [3]), made   # it is collected as soon as the flake is at rest
    # No loop: some healing later the same machines run and nothing new has been deployed.
    count = len(alice.ask("deployments", "shop")["deployments"])
    alice.ssh("restart", "shop/api")
    wait_for(lambda: alice.instance("shop", "api")["boot"] != boots["api"] and alice.instance("shop", "api")["state"] == "ready", "api is restarted", 60)
    assert alice.instance("shop", "web")["boot"] == boots["web"] and len(alice.ask("deployments", "shop")["deployments"]) == count

    # The next push moves on.  Of many generations the last ones are kept, and a collected one is named as such.
    alice.git("revert", "--no-edit", "HEAD", repo="shop")
    for text in ("web four", "web five"):
        alice.change("shop", page(text))
        alice.push("shop")
    serves("web five")
    wait_for(lambda: len(alice.ask("generations", "shop")["generations"]) == 3, "the others are collected", 60)
    numbers = [one["generation"] for one in alice.ask("generations", "shop")["generations"]]
    assert numbers == [5, 4, 2], numbers
    gone = alice.ssh("rollback", "shop", "1", check=False)
    assert gone.returncode == 3 and "has been collected" in gone.stderr and "2, 4, 5" in gone.stderr, gone.stderr
    table = alice.ssh("generations", "shop").stdout
    assert re.search(r"^5 .* runs ", table, re.M) and re.search(r"^4 .* kept ", table, re.M), table
    print(alice.ssh("deployments").stdout, table)
