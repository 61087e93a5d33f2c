#!/usr/bin/env python3
"""Git hosting with strangers: one owner whatever the race, limits that say what they are, host keys in DNS, webhooks."""
import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import tempfile
import threading

from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True, programs=["curl", "dig", "ssh-keygen"])

directory = tempfile.mkdtemp(prefix="seed-test-", dir="/tmp")
with open(f"{directory}/seed.yaml", "w") as file:
    file.write(f"""
platform: {{ domain: seed.localhost, silo: silo.seed.localhost, state: {directory}/state }}
listen: {{ ssh: "127.0.0.1:0", http: "127.0.0.1:0" }}
admission: open
providers:
  runtime: {{ plugin: runtime-qemu }}
  dns: {{ plugin: dns-powerdns, config: {{ managed: true }} }}
  git: {{ plugin: git-silo, config: {{ refs: 20 }} }}
  storage: {{ plugin: storage-localpath }}
limits: {{ repositories_per_key: 2, pushes_per_minute: 20, connections_per_key: 3, connections_per_address: 20, pack_bytes: 4Mi, repository_bytes: 8Mi }}
""")


def refused(result, *words):
    assert result.returncode != 0, result.stdout + result.stderr
    assert all(word in result.stderr for word in words), result.stderr


def plain_repo(person, repo):
    """A repository with nothing to deploy: what happens to it is git's side alone."""
    os.makedirs(person.folder(repo))
    person.git("init", "-q", repo=repo)
    person.change(repo, {"README.md": f"{person.name}\n"})


def quiet_push(person, repo, *refs, check=True):
    return person.git("push", "-o", "nowait", person.url(repo), *(refs or ["HEAD:refs/heads/main"]), repo=repo, check=check)


def signature(secret, body):
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


with Platform(directory=directory, config=f"{directory}/seed.yaml") as platform:
    os.chmod(directory, 0o755)

    # Many first pushes of one name at once: one owner; the others are refused and told why.
    crowd = [Person(platform, f"person{number}") for number in range(10)]
    for person in crowd:
        plain_repo(person, "app")
    results = {}
    gate = threading.Barrier(len(crowd))

    def race(person):
        gate.wait()
        results[person.name] = quiet_push(person, "app", check=False)

    threads = [threading.Thread(target=race, args=(person,)) for person in crowd]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    winners = [person for person in crowd if results[person.name].returncode == 0]
    assert len(winners) == 1, {name: (result.returncode, result.stderr) for name, result in results.items()}
    owner = winners[0]
    losers = [person for person in crowd if person is not owner]
    for person in losers:
        refused(results[person.name], "this key may not push to app")
        assert person.ask("whoami")["repositories"] == []
    assert [one["role"] for one in owner.ask("whoami")["repositories"]] == ["owner"]
    assert owner.git("ls-remote", owner.url("app"), "main").stdout.split()[0] == owner.head("app")

    # The same person pushing twice at once for the first time: neither harms the other.
    twin = losers[0]
    plain_repo(twin, "twin")
    pushes = [subprocess.Popen(["git", "push", "-o", "nowait", twin.url("twin"), f"HEAD:refs/heads/b{number}"], cwd=twin.folder("twin"),
                               env=twin.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for number in range(3)]
    told = [push.communicate(timeout=120)[1] for push in pushes]
    assert [push.returncode for push in pushes] == [0, 0, 0], told
    assert len(twin.git("ls-remote", "--heads", twin.url("twin")).stdout.splitlines()) == 3

    # A first push that only brings a tag makes the repository too; one that brings nothing leaves the name free.
    tagger = losers[1]
    plain_repo(tagger, "tagged")
    tagger.git("tag", "v1", repo="tagged")
    quiet_push(tagger, "tagged", "v1")
    assert "refs/tags/v1" in tagger.git("ls-remote", tagger.url("tagged")).stdout
    big = losers[2]
    plain_repo(big, "free")
    big.change("free", {"noise": base64.b64encode(os.urandom(6 << 20)).decode()})
    refused(quiet_push(big, "free", check=False), "pack exceeds maximum allowed size")
    losers[3].git("init", "-q", "free")
    losers[3].change("free", {"README.md": "mine\n"})
    quiet_push(losers[3], "free")

    # Limits, each with a sentence.
    for repo in ("second", "third"):
        plain_repo(owner, repo)
    quiet_push(owner, "second")
    refused(quiet_push(owner, "third", check=False), "this key owns 2 repositories, as many as the platform allows")
    owner.git("update-ref", "--stdin", repo="second", input="".join(f"create refs/heads/b{n} HEAD\n" for n in range(25)))
    refused(quiet_push(owner, "second", "refs/heads/b*", check=False), "more than 20 branches and tags", "delete some")
    quiet_push(owner, "second", *(f"refs/heads/b{n}" for n in range(10, 25)))
    for number in range(3):   # 2 MB each in a repository of 8
        owner.change("second", {f"noise{number}": base64.b64encode(os.urandom(2 << 20)).decode()})
        last = quiet_push(owner, "second", check=False)
    owner.change("second", {"noise9": base64.b64encode(os.urandom(2 << 20)).decode()})
    refused(quiet_push(owner, "second", check=False), "the repository would be larger than 8", "limit")
    quiet_push(owner, "second", ":refs/heads/b10")     # the way out stays open
    told = ""
    for number in range(21):
        result = quiet_push(losers[4], "app", check=False)
        told += result.stderr
    refused(result, "this key has pushed 20 times within a minute", "try again in")
    quiet_push(tagger, "tagged", "HEAD:refs/heads/main")   # others go on

    masters = []
    for number in range(3):
        control = f"{owner.home}/mux{number}"
        masters.append(subprocess.Popen(owner.ssh_command("-N", options=["-M", "-S", control]), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=owner.environment()))
        wait_for(lambda: os.path.exists(control), "a connection")
        owner.run(["ssh", "-S", control, "-p", str(platform.ssh_port), "127.0.0.1", "whoami"])
    refused(owner.ssh("whoami", check=False), "this key has 3 connections open, as many as the platform allows")
    tagger.ssh("whoami")
    [master.kill() for master in masters]
    [master.wait() for master in masters]
    wait_for(lambda: owner.ssh("whoami", check=False).returncode == 0, "the place is free again", 30)
    silent = [socket.create_connection(("127.0.0.1", platform.ssh_port)) for _ in range(20)]
    wait_for(lambda: "your address has 20 connections open" in owner.ssh("whoami", check=False).stderr, "the refusal is told", 30)
    [one.close() for one in silent]
    wait_for(lambda: owner.ssh("whoami", check=False).returncode == 0, "the address is welcome again", 30)

    # Host keys: in DNS as ssh-keygen would write them, the same after a restart; the next one is published in advance.
    public = f"{platform.state}/core/ssh_host_ed25519_key.pub"

    def expected(file):
        lines = subprocess.run(["ssh-keygen", "-r", "silo", "-f", file], capture_output=True, text=True, check=True).stdout.splitlines()
        return next(line.split("SSHFP ")[1] for line in lines if "SSHFP 4 2" in line).lower().replace(" ", "")

    def published():
        return sorted(line.lower().replace(" ", "") for line in platform.dig("silo.seed.localhost", "SSHFP"))

    assert published() == [expected(public)], published()
    with open(public) as file:
        before = file.read()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{platform.state}/core/ssh_host_ed25519_key.next"], check=True)
    owner.ssh("whoami", options=["-o", "HostKeyAlias=silo"])
    platform.stop()
    platform.start()
    with open(public) as file:
        assert file.read() == before
    owner.ssh("whoami", options=["-o", "HostKeyAlias=silo"])    # ssh would refuse another key
    assert published() == sorted([expected(public), expected(f"{platform.state}/core/ssh_host_ed25519_key.next.pub")])

    # Webhooks: signed by us, once, for repositories we have; everything else is refused and says why.
    def deliver(body, sign=None, *options):
        headers = ["-H", f"X-Hub-Signature-256: {sign}"] if sign is not None else []
        result = subprocess.run(["curl", "-sS", "-m", "60", "-o", f"{directory}/answer", "-w", "%{http_code}", "-H", "Content-Type: application/json", *headers, *options,
                                 "--data-binary", "@-", f"{platform.http_url}/refresh"], input=body, capture_output=True, check=True)
        with open(f"{directory}/answer", errors="replace") as answer:
            return int(result.stdout), answer.read()

    def body_for(repo, number=0):
        return json.dumps({"ref": "refs/heads/main", "after": f"{number:040}", "repository": {"full_name": f"somebody/{repo}"}}).encode()

    secret = "correct horse battery staple"
    status, text = deliver(body_for("app"), signature(secret, body_for("app")))
    assert status == 503 and "webhook-secrets is missing" in text, (status, text)
    secrets = f"{platform.state}/core/webhook-secrets"
    with open(secrets, "w") as file:
        file.write(f"# the old one and the new one\nan older secret of ours\n{secret}\n")
    os.chmod(secrets, 0o644)
    status, text = deliver(body_for("app"), signature(secret, body_for("app")))
    assert status == 503 and "others may read" in text, (status, text)
    os.chmod(secrets, 0o600)

    bare = f"{platform.state}/git/repositories/app.git"
    elsewhere = subprocess.run(["git", "-C", bare, "-c", "safe.directory=*", "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", "-p", "main", "-m", "elsewhere", "main^{tree}"],
                               capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run(["git", "-C", bare, "-c", "safe.directory=*", "update-ref", "refs/heads/main", elsewhere], check=True)
    subprocess.run(["chown", "-R", "--reference", bare, bare], check=True)
    body = body_for("app")
    for sign in (None, "", "sha256=", "sha256=" + "0" * 64, signature("wrong secret, quite wrong", body), signature(secret, body + b" "), signature(secret, body).upper(),
                 "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()):
        status, text = deliver(body, sign)
        assert status == 401 and text.count("\n") == 1, (sign, status, text)
    assert owner.flake("app")["revision"]["commit"] != elsewhere
    status, text = deliver(body, signature(secret, body))
    assert (status, json.loads(text)) == (202, {"changed": True, "repository": "app"}), (status, text)
    wait_for(lambda: owner.flake("app")["revision"]["commit"] == elsewhere, "the change is noticed", 60)
    status, text = deliver(body, signature(secret, body))
    assert status == 409 and "accepted before" in text, (status, text)
    again = body_for("app", 1)
    status, text = deliver(again, signature("an older secret of ours", again))
    assert (status, json.loads(text)) == (202, {"changed": False, "repository": "app"}), (status, text)
    for repo, code in (("nothing-here", 404), ("../../etc", 404), ("-x", 400), ("A B", 400)):
        other = body_for(repo)
        assert deliver(other, signature(secret, other))[0] == code, repo
    ping = b'{"zen": "Keep it logically awesome.", "hook_id": 1}'
    assert deliver(ping, signature(secret, ping))[0] == 202
    for garbage, code in ((b"[]", 400), (b"payload=%7B%7D", 400), (b"", 400), (b'{"ref": 1, "after": 2}', 400), (b'{"ref":"x","after":"y","repository":{"name":7}}', 400)):
        assert deliver(garbage, signature(secret, garbage))[0] == code, garbage
    large = b'{"x": "' + b"x" * (600 << 10) + b'"}'
    assert deliver(large, signature(secret, large), "-H", "Expect:")[0] == 413
    assert deliver(large, signature(secret, large), "-H", "Expect:", "-H", "Transfer-Encoding: chunked")[0] == 413
    assert Platform.get(f"{platform.http_url}/health")
