#!/usr/bin/env python3
"""What a flake may ask of its instances, seen from inside their machines: environment, connections, names, volumes with owners and sizes,
instances that rest; and what is refused, in a sentence."""
import re

import several
from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True)

API = several.serve(3000, "the api")
WEB = """
mkdir -p /etc; echo 'www:x:1234:' > /etc/group; echo 'www:x:2345:1234::/:/bin/sh' > /etc/passwd
{ httpd -p '[::]:80' -h /run/www; } &
{
  echo "env:"; cat /run/seed/env
  for file in /etc/seed/connect/*; do echo "connect $(basename $file)=$(cat $file)"; done
  echo "mounted: $(grep -c ' ext4 ' /proc/mounts)"
  [ -e /var/lib/data/boots ] && echo "kept: $(cat /var/lib/data/boots)"
  echo x >> /var/lib/data/boots; echo y > /var/lib/data/logs/y; [ -d /seed/storage/spare ] && echo z >> /seed/storage/spare/z
  [ -d /seed/storage/spare ] && echo "spare: $(wc -l < /seed/storage/spare/z)"
  sync
  for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ "$(stat -c %U:%G /var/lib/data)" = www:www ] && break; sleep 0.5
  done
  echo "owner: $(stat -c '%U:%G %a' /var/lib/data)"
  echo "nested: $(stat -c '%u:%g %a' /var/lib/data/logs)"
  echo "size: $(df -k /var/lib/data | tail -n 1 | awk '{print $2}')"
  for name in $SEED_API_HOST $SEED_MAIN_HOST api.$SEED_NAMESPACE.DOMAIN; do
    for n in $(seq 60); do   # api boots beside us
      told=$(guest_tool say tcp $(guest_tool resolve $name) 3000 'GET / HTTP/1.0

' | grep .) && break
      sleep 1
    done
    echo "reach $name: $told"
  done
  guest_tool resolve resting > /dev/null && echo "resting has a bare name" || echo "resting is not there"
  guest_tool resolve nobody || echo "nobody is not there"
  echo END
} > /run/www/result.txt 2>&1
sleep 1000000
"""


def seeds(*, size="16Mi", spare=True):
    volumes = {"data": {"size": size, "mountPoint": "/var/lib/data", "user": "www", "group": "www", "mode": "2750"},
               "logs": {"size": "8Mi", "mountPoint": "/var/lib/data/logs", "mode": "700"}}
    if spare:
        volumes["spare"] = "8Mi"
    return {
        "api": {"script": API, "expose": {"rest": {"port": 3000, "protocol": "http"}}},
        "web": {"script": WEB.replace("DOMAIN", platform.domain), "expose": {"http": {"enable": True}}, "storage": volumes,
                "connect": {"api": "api", "main": {"service": "seed-api", "port": 3000}}},
        "resting": {"script": several.serve(81), "expose": {"rest": 81}, "autostart": False},
    }


def result():
    url = next(url for url in alice.instance("app", "web")["urls"] if url.startswith("http:"))

    def page():
        text = platform.get(url + "result.txt")
        return text if text.endswith("END\n") else None
    return wait_for(page, "the web instance has told what it found", 120, pause=0.3)


def told(text, what):
    found = re.search(rf"^{what}: (.*)$", text, re.M)
    assert found, f"'{what}' is not in:\n{text}"
    return found[1]


def refused(new, *words):
    """Nothing of it is deployed, and the pusher reads why."""
    before = {one["name"]: one.get("boot") for one in alice.flake("app")["instances"]}
    generation = alice.flake("app")["generation"]
    several.change(alice, "app", new)
    text = alice.push("app", check=False).stderr
    for word in ("FAILED",) + words:
        assert word in text, f"'{word}' is not in:\n{text}"
    assert {one["name"]: one.get("boot") for one in alice.flake("app")["instances"]} == before, "something was touched"
    assert alice.flake("app")["generation"] == generation, "what cannot be is wanted now"


with Platform() as platform:
    alice = Person(platform, "alice")
    several.make(alice, "app", seeds())
    alice.push("app")
    web = alice.wait_ready("app", "web")
    alice.wait_ready("app", "api")
    ns = alice.flake("app")["namespace"]
    text = result()

    # Environment and connections.
    for line in (f"SEED_NAMESPACE={ns}", "SEED_INSTANCE=web", f"SEED_FQDN=web.{ns}.{platform.domain}", "SEED_API_HOST=api",
                 "SEED_MAIN_HOST=seed-api", "connect api=api", "connect main=seed-api:3000"):
        assert f"\n{line}\n" in text, f"{line} is not in:\n{text}"
    assert re.search(r"^SEED_NODE_IP=[0-9a-f:.]+$", text, re.M), text
    assert not re.search(r"^SEED_(ACME|EST|SHOOT)", text, re.M), f"what does not exist yet is announced:\n{text}"
    # Names of the namespace lead to the exposed port, whatever form they have.
    for name in ("api", "seed-api", f"api.{ns}.{platform.domain}"):
        assert f"\nreach {name}: HTTP/1.1 200 OK" in text and text.count("\nthe api\n") == 3, text
    assert "resting is not there" in text and "nobody is not there" in text, text
    # Three volumes, one within another, with the owner the guest knows by name.
    assert told(text, "mounted") == "3" and told(text, "owner") == "www:www 2750" and told(text, "nested") == "0:0 700", text
    small = int(told(text, "size"))
    assert small < 16 * 1024, text

    # An instance that rests: deployed, told so, not running; also after a kill of the platform and a push.
    def resting():
        return alice.instance("app", "resting")
    assert resting()["state"] == "stopped" and "start resting" in resting()["reason"], resting()
    assert "autostart" in alice.ssh("status", "app").stdout

    # Growing: the volume is larger inside, its content is there, and who has no new size goes on.
    api = alice.instance("app", "api")["boot"]
    several.change(alice, "app", seeds(size="40Mi"))
    alice.push("app")
    text = result()
    assert told(text, "kept") == "x" and int(told(text, "size")) > 2 * small, text
    assert alice.instance("app", "api")["boot"] == api and resting()["state"] == "stopped"

    # What cannot be is refused before anything happens.
    refused(seeds(size="16Mi"), "seed.storage.data", "40 MiB", "cannot shrink to 16 MiB")
    bad = seeds(size="40Mi")
    bad["web"]["connect"]["db"] = "database"
    refused(bad, "seed.connect.db", "no instance database", "api, resting, web")
    bad = seeds(size="40Mi")
    bad["api"]["expose"]["unheard-of"] = {"enable": True}
    refused(bad, "instance api: seed.expose.unheard-of", "add port = NUMBER")

    # Started by request; killed and healed, seedd killed and started: it runs as long as nobody stops it.
    alice.ssh("start", "resting")
    boot = alice.wait_ready("app", "resting")["boot"]
    platform.kill()
    platform.start()
    wait_for(lambda: resting()["state"] == "ready", "the started one is found again", 60)
    assert resting()["boot"] == boot, "seedd's restart restarted it"

    # A volume without its instance is kept, listed, and there again when the instance asks for it.
    several.change(alice, "app", seeds(size="40Mi", spare=False))
    alice.push("app")
    assert alice.flake("app")["detached_volumes"] == [f"{ns}/web/spare"], alice.flake("app")
    assert told(result(), "mounted") == "2"
    alice.ssh("stop", "app/resting")
    wait_for(lambda: resting()["state"] == "stopped", "it is stopped", 60)
    assert "start resting" in resting()["reason"], resting()
    several.change(alice, "app", seeds(size="40Mi"))
    alice.push("app")
    assert told(result(), "spare") == "3", "the volume returned without its content"
    assert resting()["state"] == "stopped", "a push started what was stopped"
    assert alice.flake("app")["detached_volumes"] == []
