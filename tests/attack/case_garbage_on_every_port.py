"""Garbage, silence and floods of connections on SSH, HTTP, DNS and forwarded ports harm nobody else."""
import contextlib
import os
import socket

from seed_platform import wait_for


def address(text):
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


def run(world):
    platform = world.platform
    ports = [address(platform.ready[name]) for name in ("ssh", "http", "dns")] + [address(world.victim["urls"][0].split("//")[1].split("/")[0])]
    payloads = [os.urandom(4096), b"\0" * 65536, b"SSH-2.0-x\r\n" + os.urandom(8192), b"SSH-2.0-" + b"a" * 100000, b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 50000,
                b"GET " + b"/../" * 5000 + b" HTTP/1.1\r\n\r\n", b"POST /health HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n" + b"x" * 10000,
                b"\xff\xff" + os.urandom(65535), b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.0\r\n\r\n", b"\x16\x03\x01" + os.urandom(500)]
    for where in ports:
        for payload in payloads:
            with contextlib.suppress(OSError), socket.create_connection(where, 10) as connection:
                connection.settimeout(1)
                connection.sendall(payload)
                answer = connection.recv(65536)
                assert b"root:" not in answer, (where, payload[:40])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        for length in (0, 1, 11, 12, 13, 100, 512, 4096, 65000):
            with contextlib.suppress(OSError):
                datagrams.sendto(os.urandom(length), ports[2])

    # Many connections that say nothing, held open while others work.
    with contextlib.ExitStack() as open_ones:
        for where in ports[:2]:
            for _ in range(150):
                with contextlib.suppress(OSError):
                    open_ones.enter_context(socket.create_connection(where, 5))
        world.platform.get(world.victim["urls"][0], timeout=30, deadline=60)
    wait_for(lambda: world.bob.ask("status"), "people are served after the flood", 120)
    wait_for(lambda: platform.dig(world.victim["fqdn"]) == [world.victim["address"]], "names are answered", 60)
    assert '"ok"' in platform.get(f"{platform.http_url}/health", timeout=30, deadline=60)
