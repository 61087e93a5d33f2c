#!/usr/bin/env python3
"""A rolling change loses no request: the new boot starts beside the old, takes over when it is ready, and the old one finishes what it
serves.  A new boot that does not come up changes nothing."""
import json
import subprocess
import sys
import threading
import time
import urllib.request

import schemas
import several
from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True)

# /cgi-bin/slow takes four seconds for its answer: at every moment of the change some are on their way.
SCRIPT = """
mkdir -p /run/www/cgi-bin; echo 'answer of VERSION' > /run/www/index.html
printf '#!%s/sh\\necho; for n in 1 2 3 4; do echo part $n of VERSION; sleep 1; done; echo complete\\n' "$PATH" > /run/www/cgi-bin/slow
chmod 755 /run/www/cgi-bin/slow
exec httpd -f -p '[::]:80' -h /run/www
"""


def seeds(version, **more):
    return {"web": {"script": SCRIPT.replace("VERSION", version), "expose": {"http": 80}, "rollout": "rolling", **more}}


class Client:
    """Asks one URL again and again, each time by a new connection, from within a thread; `ask` returns a page or raises."""

    def __init__(self, ask, threads=1, good=lambda page: page.startswith("answer of")):
        self.answers, self.failures, self.ending = {}, [], threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(ask, good)) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, ask, good):
        while not self.ending.is_set():
            try:
                page = ask()
                assert good(page), f"a broken page: {page!r}"
                with self.lock:
                    self.answers[page] = self.answers.get(page, 0) + 1
            except Exception as error:
                with self.lock:
                    self.failures.append(f"{type(error).__name__}: {error}")

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()
        return self


def get(url):
    # A busy machine may be slow, but a request that takes a minute has failed.
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read().decode()


# The same through the service address, which only the platform's network knows: a client of its own in there.
INSIDE = """
import sys, time, urllib.request
url, answers, failures = sys.argv[1], {}, []
while not sys.stdin.closed:
    import select
    if select.select([sys.stdin], [], [], 0)[0]: break
    try:
        with urllib.request.urlopen(url, timeout=60) as answer: page = answer.read().decode()
        assert page.startswith("answer of"), page
        answers[page] = answers.get(page, 0) + 1
    except Exception as error: failures.append(f"{type(error).__name__}: {error}")
    time.sleep(0.01)
import json
print(json.dumps([answers, failures]))
"""

with Platform(settings="limits: { ready_seconds: 60 }") as platform:
    alice = Person(platform, "alice")
    several.make(alice, "app", seeds("one"))
    alice.push("app")
    first = alice.wait_ready("app")
    url = first["urls"][0]
    platform.get(url, deadline=30)

    def machines():
        return len(platform.processes("qemu-system-x86_64"))

    net = platform.processes("seed-net")[0][0]
    inside = subprocess.Popen(["nsenter", f"--net=/proc/{net}/ns/net", sys.executable, "-c", INSIDE, f"http://[{first['address']}]/"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    fast, slow = Client(lambda: get(url), threads=2), Client(lambda: get(url + "cgi-bin/slow"), threads=3,
                                                             good=lambda page: page.endswith("complete\n"))
    most = 0

    def count_machines():
        global most
        while not fast.ending.is_set():
            most = max(most, machines())
            time.sleep(0.05)

    counter = threading.Thread(target=count_machines)
    counter.start()
    several.change(alice, "app", seeds("two"))
    alice.push("app")
    wait_for(lambda: machines() == 1, "the old boot has ended", 60)
    assert get(url) == "answer of two\n"
    fast.end(), slow.end(), counter.join()
    answers, failures = json.loads(inside.communicate("end\n", timeout=90)[0])
    print(f"loopback {fast.answers}, slow {slow.answers}, service address {answers}")
    assert not fast.failures, f"{len(fast.failures)} requests through the loopback port failed: {fast.failures[:3]}"
    assert not slow.failures, f"{len(slow.failures)} long requests were cut: {slow.failures[:3]}"
    assert not failures, f"{len(failures)} requests to the service address failed: {failures[:3]}"
    for client in (fast.answers, answers):
        assert set(client) == {"answer of one\n", "answer of two\n"}, client
        assert sum(client.values()) >= 200, f"too few requests to prove anything: {client}"
    assert len(slow.answers) == 2, f"no page of one boot was whole: {slow.answers}"
    assert most == 2, f"{most} machines ran at once, not the old and the new one"
    second = alice.wait_ready("app")
    assert second["boot"] != first["boot"] and second["address"] == first["address"]

    # One that ends before it is ready: the old one was never touched.
    client = Client(lambda: get(url))
    several.change(alice, "app", {"web": {**seeds("three")["web"], "script": "echo three cannot start; poweroff -f"}})
    pushed = alice.push("app", check=False)
    assert "stopped before it was ready" in pushed.stderr, pushed.stderr
    client.end()
    assert not client.failures and set(client.answers) == {"answer of two\n"}, (client.failures[:3], client.answers)
    # One that runs and never listens: after ready_seconds its pusher reads so, and what served goes on serving all the time.
    client = Client(lambda: get(url))
    serving = alice.wait_ready("app")["boot"]
    several.change(alice, "app", {"web": {**seeds("deaf")["web"], "script": "echo I hear nothing; while :; do sleep 1000; done\n"}})
    told = alice.push("app").stderr
    assert "FAILED while starting" in told and "was not ready within" in told and "nothing listens yet on" in told, told
    assert "I hear nothing" in told and "rolled back to generation 2" in told, told
    client.end()
    assert not client.failures and set(client.answers) == {"answer of two\n"}, (client.failures[:3], client.answers)
    wait_for(lambda: machines() == 1, "the deaf machine has ended", 60)
    flake = alice.flake("app")
    assert alice.wait_ready("app")["boot"] == serving, "the machine that served was restarted"
    assert flake["deployment"]["kind"] == "return" and flake["generation_number"] == 2 and flake["trouble"] == "", flake
    returned = [one for one in schemas.each("events", alice.ssh("events", "app", "--json").stdout) if one["type"] == "returned"]
    assert len(returned) == 2 and all("did not get ready" in one["reason"] for one in returned), returned

    # And a good one afterwards takes over from the one that still serves.
    several.change(alice, "app", seeds("four"))
    alice.push("app")
    wait_for(lambda: get(url) == "answer of four\n", "the next change is served", 60)
    wait_for(lambda: machines() == 1, "nothing of the failed boot runs", 60)
