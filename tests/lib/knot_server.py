"""A real Knot DNS server for tests: one zone, dynamic updates and transfers with a TSIG key, gone with the test.

    with KnotServer("seed.test") as knot:
        knot.port, knot.key_name, knot.secret, knot.dig("web.seed.test", "AAAA")
"""
import base64
import os
import shutil
import socket
import subprocess
import tempfile

from seed_platform import needs, wait_for


class KnotServer:
    key_name = "seed-test."

    def __init__(self, *zones):
        needs(programs=["knotd", "dig"])
        self.zones, self.secret = zones, base64.b64encode(os.urandom(32)).decode()
        self.folder = tempfile.mkdtemp(prefix="seed-knot-", dir="/tmp")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        for zone in zones:
            with open(f"{self.folder}/{zone}.zone", "w") as file:
                file.write(f"$ORIGIN {zone}.\n@ 3600 SOA ns1 hostmaster 1 3600 600 86400 60\n@ 3600 NS ns1\nns1 3600 A 127.0.0.1\nforeign 60 A 192.0.2.7\n")
        with open(f"{self.folder}/knot.conf", "w") as file:
            file.write(f"server:\n  rundir: {self.folder}\n  listen: 127.0.0.1@{self.port}\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
                       f"database:\n  storage: {self.folder}\nkey:\n - id: {self.key_name}\n   algorithm: hmac-sha256\n   secret: {self.secret}\n"
                       f"acl:\n - id: seed\n   key: {self.key_name}\n   action: [update, transfer]\n"
                       f"template:\n - id: default\n   storage: {self.folder}\n   acl: seed\n   zonefile-load: difference\n   journal-content: changes\n"
                       "zone:\n" + "".join(f" - domain: {zone}.\n   file: {zone}.zone\n" for zone in zones))
        self.log = open(f"{self.folder}/log", "wb")
        program = shutil.which("knotd", path="/usr/sbin:/usr/bin")
        self.process = subprocess.Popen([program, "-c", f"{self.folder}/knot.conf"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            wait_for(lambda: all(self.dig(zone, "SOA") for zone in zones), "knotd answers", 60)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def dig(self, name, kind):
        result = subprocess.run(["dig", "+short", "+tries=1", "+time=2", "@127.0.0.1", "-p", str(self.port), name, kind], capture_output=True, text=True, timeout=30)
        return [line for line in result.stdout.splitlines() if line and not line.startswith(";")]

    def configuration(self):
        """For the provider dns-rfc2136."""
        return {"server": f"127.0.0.1:{self.port}", "key_name": self.key_name, "algorithm": "hmac-sha256", "secret": self.secret}
