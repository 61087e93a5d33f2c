#!/usr/bin/env python3
"""What a flake says beside its seeds: domains of its own get records, public ports of the host lead to its instances; both are held by who
asked first, shown by status and plan, and gone with the push that drops them.  No instance restarts for it.
"""
import socket
import subprocess

import several
from seed_person import Person, Refused
from seed_platform import BUILD, Platform, needs, wait_for

needs(root=True, programs=["dig"])


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


WEB, ECHO, SIX = free_port(), free_port(), free_port()
SEEDS = {
    "web": {"expose": {"http": 80}, "dns": {"names": ["example.test.org", "www"]}, "script": several.serve(80, "the page of alice")},
    "echo": {"expose": {"say": {"port": 5000, "protocol": "dns"}}, "dns": {"names": ["say"]}, "script": "exec guest_tool echo 6 5000 alice\n"},
}
BESIDE = {
    "combine": {"domains": {"example.test.org": {"default": True, "register": True}}},
    "ipv4": {"enable": True, "routes": {"front": {"port": WEB, "targetPort": 80, "protocol": "http", "instance": "web"},
                                        "say": {"port": ECHO, "targetPort": 5000, "protocol": "dns", "instance": "echo"}}},
    # ::1 is the one address of a /64 that every machine has.
    "ipv6": {"enable": True, "block": "::/64", "routes": {"six": {"host": 1, "port": SIX, "targetPort": 80, "protocol": "http", "instance": "web"}}},
}
SETTINGS = 'ingress: { ipv4: 127.0.0.1, ipv6_blocks: ["::/64"] }'


def say(kind, port):
    return subprocess.run([f"{BUILD}/bin/guest_tool", "say", kind, "127.0.0.1", str(port), "hello", "5"], capture_output=True, text=True).stdout.strip()


def refused(person, repo):
    try:
        result = person.push(repo)
    except Refused as refusal:
        return refusal.result.stderr
    assert "FAILED" in result.stderr, f"the push of {repo} was deployed:\n{result.stderr}"
    return result.stderr


with Platform(settings=SETTINGS) as platform:
    alice, bob = Person(platform, "alice"), Person(platform, "bob")
    several.make(alice, "app", SEEDS, BESIDE)
    told = alice.push("app").stderr
    assert "register = true is not carried out, because this platform has no registrar" in told, told
    web, echo = alice.wait_ready("app", "web"), alice.wait_ready("app", "echo")

    # Names: AAAA to the service address, A because an IPv4 route leads there, a wildcard at the apex.
    assert web["names"] == ["example.test.org", "www.example.test.org"], web
    for name in ("example.test.org", "www.example.test.org", "anything.example.test.org"):
        assert platform.dig(name) == [web["address"]] and platform.dig(name, "A") == ["127.0.0.1"], name
    assert platform.dig("say.example.test.org") == [echo["address"]]
    assert platform.dig(web["fqdn"], "A") == ["127.0.0.1"] and platform.dig(web["fqdn"]) == [web["address"]]
    assert platform.dig("example.test.org", "SOA") and platform.dig("example.test.org", "NS") == [f"ns1.{platform.domain}."]

    # Ports: TCP and UDP, both families; what status says is so.
    assert platform.get(f"http://127.0.0.1:{WEB}/").strip() == "the page of alice"
    assert platform.get(f"http://[::1]:{SIX}/").strip() == "the page of alice"
    assert say("tcp", ECHO) == "alice: hello" and say("udp", ECHO) == "alice: hello"
    assert {(route["name"], route["address"], route["port"], route["udp"], route["reason"]) for one in (web, echo) for route in one["routes"]} == {
        ("front", "127.0.0.1", WEB, False, ""), ("six", "::1", SIX, False, ""), ("say", "127.0.0.1", ECHO, False, ""), ("say", "127.0.0.1", ECHO, True, "")}
    shown = alice.ssh("status", "app").stdout
    assert "web: also example.test.org, www.example.test.org" in shown and f"tcp [::1]:{SIX} leads to its port 80" in shown, shown

    # A second tenant gets none of it, with a sentence that names the holder; nothing of his is started.
    plain = {"web": {"expose": {"http": 80}, "script": several.serve(80, "the page of bob")}}
    for beside, names, says in [
            ({"combine": {"domains": {"example.test.org": {}}}}, ["bob.example.test.org"], "the domain example.test.org is held by the repository app"),
            ({"combine": {"domains": {"deep.example.test.org": {}}}}, ["deep.example.test.org"], "is held by the repository app (as example.test.org)"),
            ({"combine": {"domains": {"a.example.net": {}}}}, ["b.example.net"], "belongs to no domain of this flake"),
            ({"ipv4": {"enable": True, "routes": {"mine": {"port": WEB, "targetPort": 80, "protocol": "http", "instance": "web"}}}}, [],
             f"tcp port {WEB} of 127.0.0.1 is held by the repository app (its route front)"),
            ({"ipv4": {"enable": True, "routes": {"mine": {"port": platform.ssh_port, "targetPort": 80, "protocol": "http", "instance": "web"}}}}, [],
             f"tcp port {platform.ssh_port} of 127.0.0.1 is the platform's own"),
            ({"ipv6": {"enable": True, "block": "2001:db8::/64", "routes": {"mine": {"host": 7, "port": 80, "protocol": "http", "instance": "web"}}}}, [],
             "2001:db8::/64 is no block of this platform: use one of ::/64")]:
        seeds = {"web": {**plain["web"], "dns": {"names": names}}}
        if "bob-app" not in [flake["repository"] for flake in bob.ask("status")["flakes"]]:
            several.make(bob, "bob-app", seeds, beside)
        else:
            several.change(bob, "bob-app", seeds, beside)
        told = refused(bob, "bob-app")
        assert says in told, f"'{says}' is not in:\n{told}"
        assert bob.flake("bob-app")["instances"] == []

    # What would change is told before, and the boots stay what they are.
    fewer = {**SEEDS, "web": {**SEEDS["web"], "dns": {"names": ["www"]}}}
    dropped = {"combine": BESIDE["combine"], "ipv4": {"enable": True, "routes": {"say": BESIDE["ipv4"]["routes"]["say"]}}}
    several.change(alice, "app", fewer, dropped)
    told = alice.push("app", "-o", "plan", check=False).stderr
    for words in ("dns.example.test.org", "ipv4.routes.front", "ipv6.routes.six", "remove record *.example.test.org.", "its public routes changed"):
        assert words in told, f"'{words}' is not in:\n{told}"
    told = alice.push("app").stderr
    assert platform.dig("example.test.org") == [] and platform.dig("anything.example.test.org") == [] and platform.dig(web["fqdn"], "A") == []
    assert platform.dig("www.example.test.org") == [web["address"]] and platform.dig("www.example.test.org", "A") == []
    wait_for(lambda: not platform.answers(f"http://127.0.0.1:{WEB}/"), "the dropped port is closed", 30)
    assert not platform.answers(f"http://[::1]:{SIX}/") and say("udp", ECHO) == "alice: hello"
    assert alice.instance("app", "web")["boot"] == web["boot"] and alice.instance("app", "echo")["boot"] == echo["boot"], "something restarted"

    # The dropped port is Bob's for the asking; a port that another program of the host has is told and tried again.
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        several.change(bob, "bob-app", plain, {"ipv4": {"enable": True, "routes": {
            "mine": {"port": WEB, "targetPort": 80, "protocol": "http", "instance": "web"},
            "taken": {"port": taken, "targetPort": 80, "protocol": "http", "instance": "web"}}}})
        bob.push("bob-app")
        assert platform.get(f"http://127.0.0.1:{WEB}/", deadline=30).strip() == "the page of bob"
        reasons = {route["name"]: route["reason"] for route in bob.wait_ready("bob-app")["routes"]}
        assert reasons["mine"] == "" and "Address already in use" in reasons["taken"], reasons
    wait_for(lambda: all(route["reason"] == "" for route in bob.instance("bob-app")["routes"]), "the port that is free now is served", 90, pause=1)
    assert platform.get(f"http://127.0.0.1:{taken}/").strip() == "the page of bob"

    # A rollback asks for what another has by now, and is refused; after a crash everything is found again.
    told = alice.ssh("rollback", "app", check=False)
    assert f"tcp port {WEB} of 127.0.0.1 is held by the repository bob-app" in told.stdout + told.stderr + str(alice.flake("app")), (told, alice.flake("app"))
    platform.kill()
    platform.start()
    wait_for(lambda: platform.dig("www.example.test.org") == [web["address"]], "the record is there after a crash", 60)
    wait_for(lambda: say("udp", ECHO) == "alice: hello", "the port is there after a crash", 60)
    several.change(alice, "app", {"web": {**SEEDS["web"], "dns": {"names": []}}}, {})
    alice.push("app")
    assert platform.dig("www.example.test.org") == [] and platform.dig("say.example.test.org") == []
    assert alice.instance("app", "web")["names"] == [] and alice.instance("app", "web")["routes"] == []

    # Now the domain is free.
    several.change(bob, "bob-app", {"web": {**plain["web"], "dns": {"names": ["www.example.test.org"]}}}, {"combine": {"domains": {"example.test.org": {}}}})
    bob.push("bob-app")
    assert platform.dig("www.example.test.org") == [bob.wait_ready("bob-app")["address"]]
