#!/usr/bin/env python3
"""A first push with stock git makes a repository, boots an instance, names it and answers HTTP."""
import json

from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True)

with Platform() as platform:
    alice = Person(platform, "alice")
    alice.make_repo("app", "hello")
    pushed = alice.push("app").stderr

    # The pusher saw every step live, and where the instance is.
    for word in ("received", "evaluated: hello", "building", "hello is ready", "deployed in", f".{platform.domain} at fd"):
        assert f"remote: seed: " in pushed and word in pushed, f"'{word}' is not in:\n{pushed}"

    hello = alice.instance("app")
    assert hello["state"] == "ready", hello
    page = platform.get(hello["urls"][0], deadline=30)
    flake = alice.flake("app")
    assert f"instance hello in namespace {flake['namespace']}" in page and "Boot number 1" in page, page
    assert f"SEED_FQDN={hello['fqdn']}" in page and f"SEED_NAMESPACE={flake['namespace']}" in page, page

    # Named in a real DNS server, with the stable service address.
    assert platform.dig(hello["fqdn"]) == [hello["address"]], platform.dig(hello["fqdn"])
    assert hello["fqdn"] == f"hello.{flake['namespace']}.{platform.domain}"
    assert len(flake["namespace"]) == 28 and flake["namespace"].startswith("s-")

    # The shell.
    assert "hello" in alice.ssh("status").stdout
    wait_for(lambda: "serving on port 80" in alice.ssh("logs", "hello").stdout, "the guest's own line is in the logs", 30)
    lines = [json.loads(line) for line in alice.ssh("logs", "app/hello", "--json").stdout.splitlines()]
    assert any("serving on port 80" in line["text"] for line in lines), lines
    assert "status" in alice.ssh("help").stdout
    silent = alice.ssh(check=False)
    assert silent.returncode == 1 and len(silent.stderr.strip().splitlines()) == 1, silent

    # Anyone reads; the sources come back as they were pushed.
    stranger = Person(platform, "stranger")
    stranger.clone("app")
    assert stranger.head("app") == alice.head("app")
    assert stranger.ask("status")["flakes"] == []

    # The same content again: nothing restarts.
    alice.change("app", {"README.md": "# other words\n"})
    again = alice.push("app").stderr
    assert "nothing to restart" in again, again
    assert alice.instance("app")["boot"] == hello["boot"]

    # A restart is a new boot of the same volume, at the same address.
    alice.ssh("restart", "hello")
    wait_for(lambda: "Boot number 2" in platform.get(alice.instance("app")["urls"][0]), "the second boot answers", 90)
    assert alice.instance("app")["address"] == hello["address"]

    # The health page tells that every provider works.
    health = json.loads(platform.get(f"{platform.http_url}/health", deadline=20))
    assert health["ok"] and {one["kind"] for one in health["providers"]} == {"dns", "git", "runtime", "storage"}, health
