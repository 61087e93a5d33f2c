#!/usr/bin/env python3
"""UDP and DNS services of instances: reached from the host's loopback and from other instances, also when the guest knows IPv4 only, or
opens its socket long after its machine is ready."""
import re
import socket

import several
from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(programs=["dig"])

SEEDS = {
    "names": {"script": "exec guest_tool dns 6 53\n", "expose": {"dns": {"enable": True}}},
    "old": {"script": "exec guest_tool dns 46 53\n", "expose": {"dns": {"enable": True}}},   # TCP on ::, UDP on 0.0.0.0 only
    # Nothing of TCP to wait for: ready at once, its socket comes seconds later.
    "game": {"script": "for n in 1 2 3; do sleep 1; done; exec guest_tool echo 4 27015 game\n",
             "expose": {"play": {"port": 27015, "protocol": "udp"}}},
    "guest": {"script": "for n in $(seq 60); do guest_tool say udp $(guest_tool resolve game) 27015 hello 2 | grep -q hello && break; sleep 1; done\n"
                        "guest_tool say udp $(guest_tool resolve game) 27015 hello > /run/www/said\n"
                        "exec httpd -f -p '[::]:80' -h /run/www\n", "expose": {"http": {"enable": True}}},
}


def port_of(name, scheme):
    return int(next(re.fullmatch(rf"{scheme}://127\.0\.0\.1:(\d+)", url)[1] for url in alice.instance("app", name)["urls"]
                    if url.startswith(scheme + ":")))


def dig(name, port, *options):
    """What is answered, and whether dig had to fall back to TCP."""
    result = alice.run(["dig", "@127.0.0.1", "-p", str(port), "+tries=1", "+timeout=5", "TXT", name, *options], check=False)
    answer = re.search(r'^\S+\s+0\s+IN\s+TXT\s+"(\w+)"$', result.stdout, re.M)
    return answer and answer[1], "retrying in TCP mode" in result.stdout


def say(port, text):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.connect(("127.0.0.1", port))
        s.send(text)
        return s.recv(65536)


with Platform() as platform:
    alice = Person(platform, "alice")
    several.make(alice, "app", SEEDS)
    alice.push("app")
    for name in SEEDS:
        alice.wait_ready("app", name)

    for name in ("names", "old"):
        port = port_of(name, "udp")
        assert port == port_of(name, "tcp"), "dns has one number for both protocols"
        wait_for(lambda: dig("example.org", port) == ("udp", False), f"{name} answers with UDP", 60)
        assert dig("example.org", port, "+tcp") == ("tcp", False)
        assert dig("big.example.org", port) == ("tcp", True), "an answer that does not fit is asked for again with TCP"
    assert alice.instance("app", "old")["ipv4_only"] and not alice.instance("app", "names")["ipv4_only"]

    game = port_of("game", "udp")
    wait_for(lambda: say(game, b"hello") == b"game: hello", "the late IPv4-only socket is found", 60)
    assert alice.instance("app", "game")["ipv4_only"]
    assert not any(url.startswith("tcp:") for url in alice.instance("app", "game")["urls"])
    said = wait_for(lambda: platform.get(alice.instance("app", "guest")["urls"][0] + "said"), "the other instance has told", 90)
    assert said == "game: hello\n", said

    # Killed and started, seedd publishes the same ports; the conversation goes on.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        s.connect(("127.0.0.1", game))
        s.send(b"before")
        assert s.recv(100) == b"game: before"
        platform.kill()
        platform.start()
        alice.wait_ready("app", "game")
        assert port_of("game", "udp") == game
        s.send(b"after")
        assert s.recv(100) == b"game: after"
