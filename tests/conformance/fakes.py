#!/usr/bin/env python3
"""The fakes for authors of providers answer as their services do, and do wrong what they are told to."""
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as xml

FOLDER = os.environ["SEED_SOURCE"] + "/plugin-api/fakes"
sys.path.insert(0, FOLDER)
from fake_github import ZERO, FakeGitHub, signature  # noqa: E402
from fake_http import FakeHttp  # noqa: E402
from fake_namesilo import CODES, FakeNameSilo  # noqa: E402


def get(url, headers=None, data=None, timeout=5):
    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)
    try:
        with opener.open(urllib.request.Request(url, data, headers or {}), timeout=timeout) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def recordings():
    exchanges = [{"request": {"method": "GET", "path": "/one", "query": {"a": "1"}}, "response": {"json": {"n": 1}}, "times": 1},
                 {"request": {"path": "/one"}, "response": {"status": 404, "text": "gone"}},
                 {"request": {"path": "/late"}, "response": {"text": "late"}, "delay_ms": 200},
                 {"request": {"method": "POST", "path": "/say*", "body": "hel+o", "headers": {"X-Key": "k"}}, "response": {"base64": "aGk="}},
                 *({"request": {"path": f"/{fault}"}, "fault": fault} for fault in ("hang", "reset", "drip", "garbage", "never-stops", "429", "500")),
                 {"request": {"path": "/truncate"}, "response": {"text": "0123456789"}, "fault": "truncate"}]
    with FakeHttp(exchanges) as fake:
        assert get(f"{fake.url}/one?a=1")[:2] == (200, b'{"n": 1}')
        assert get(f"{fake.url}/one?a=1")[:2] == (404, b"gone"), "the first exchange was used up"
        begin = time.monotonic()
        assert get(f"{fake.url}/late")[1] == b"late" and time.monotonic() - begin >= 0.2
        assert get(f"{fake.url}/say/it", {"X-Key": "k"}, b"helllo")[1] == b"hi"
        assert get(f"{fake.url}/say/it", {"X-Key": "wrong"}, b"helllo")[0] == 501
        assert fake.requests[-1]["exchange"] is None and fake.requests[0]["query"] == {"a": "1"}
        assert get(f"{fake.url}/429")[0] == 429 and get(f"{fake.url}/429")[2]["Retry-After"] == "3" and get(f"{fake.url}/500")[0] == 500
        for path, expected in (("hang", socket.timeout), ("reset", ConnectionResetError), ("garbage", http.client.BadStatusLine),
                               ("truncate", http.client.IncompleteRead)):
            connection = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=0.5)
            try:
                connection.request("GET", f"/{path}")
                connection.getresponse().read()
            except (expected, ConnectionResetError):
                pass
            else:
                raise AssertionError(f"{path}: the request succeeded")
            connection.close()
        connection, begin = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=5), time.monotonic()
        connection.request("GET", "/drip")
        assert connection.getresponse().read(6) == b"      " and time.monotonic() - begin >= 0.25, "it does not drip"
        connection.close()
        connection = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=5)
        connection.request("GET", "/never-stops")
        assert len(connection.getresponse().read(1_000_000)) == 1_000_000
        connection.close()
        fake.fail_next("500")
        assert get(f"{fake.url}/late")[0] == 500 and get(f"{fake.url}/late")[0] == 200
    try:
        FakeHttp([{"fault": "explode"}])
    except ValueError as error:
        assert "explode" in str(error)
    else:
        raise AssertionError("an unknown fault was accepted")


def namesilo():
    with FakeNameSilo(balance="25.00", price="9.99", taken=["taken.test"]) as fake:
        def ask(operation, **query):
            _, body, _ = get(f"{fake.url}/api/{operation}?" + "&".join(f"{name}={value}" for name, value in {"version": 1, "type": "xml", "key": "test-key", **query}.items()))
            reply = xml.fromstring(body).find("reply")
            assert int(reply.find("code").text) in CODES
            return int(reply.find("code").text), reply

        code, reply = ask("checkRegisterAvailability", domains="free.test,taken.test,-bad-")
        assert code == 300 and reply.find("available/domain").text == "free.test" and reply.find("available/domain").get("price") == "9.99"
        assert reply.find("unavailable/domain").text == "taken.test" and reply.find("invalid/domain").text == "-bad-"
        assert ask("registerDomain", domain="taken.test", years=1)[0] == 261
        code, reply = ask("registerDomain", domain="free.test", years=1, ns1="ns1.seed.test", ns2="ns2.seed.test")
        assert code == 301 and reply.find("order_amount").text == "9.99", "name servers of a registration are not taken"
        assert ask("getAccountBalance")[1].find("balance").text == "15.01"
        assert ask("registerDomain", domain="free.test", years=1)[0] == 261, "registering is not idempotent"
        servers = [one.text for one in ask("getDomainInfo", domain="free.test")[1].iter("nameserver")]
        assert servers[0] == "NS1.DNSOWL.COM"
        assert ask("changeNameServers", domain="free.test", ns1="ns1.seed.test", ns2="ns2.seed.test")[0] == 300
        assert [one.text for one in ask("getDomainInfo", domain="free.test")[1].iter("nameserver")] == ["NS1.SEED.TEST", "NS2.SEED.TEST"]
        assert ask("changeNameServers", domain="free.test", ns1="ns1.seed.test")[0] == 108
        assert ask("renewDomain", domain="free.test", years=1)[0] == 300 and ask("renewDomain", domain="free.test", years=1)[0] == 119, "the money is spent"
        assert ask("registerDomain", domain="other.test", years=11)[0] == 263 and ask("registerDomain", domain="x", years=1)[0] == 114
        assert [one.text for one in ask("listDomains")[1].iter("domain")] == ["free.test"]
        assert ask("getDomainInfo", domain="none.test")[0] == 200 and ask("frobnicate")[0] == 107 and ask("getPrices", key="wrong")[0] == 110
        fake.codes["getPrices"] = [115, 400]
        assert [ask("getPrices")[0] for _ in range(3)] == [115, 400, 300]
        status, body, _ = get(f"{fake.url}/api/getPrices", data=b"key=test-key")
        assert status == 200 and b"<code>120</code>" in body and fake.requests[-1]["method"] == "POST"
        assert b"<code>106</code>" in get(f"{fake.url}/api/?version=1&type=xml&key=test-key")[1]
        # Every code that the service documents can be had, with its sentence.
        documented = [300, 301, 302, *range(101, 121), 200, 201, 210, *range(250, 257), *range(261, 268), 280, 400]
        assert sorted(documented) == sorted(CODES)
        fake.codes["getAccountBalance"] = list(documented)
        for wanted in documented:
            code, reply = ask("getAccountBalance")
            assert code == wanted and reply.find("detail").text
        for missing, wanted in (("version", 102), ("type", 104), ("key", 109)):
            query = {name: value for name, value in {"version": "1", "type": "xml", "key": "test-key"}.items() if name != missing}
            assert f"<code>{wanted}</code>".encode() in get(f"{fake.url}/api/getPrices?" + "&".join(f"{name}={value}" for name, value in query.items()))[1]
        assert ask("getPrices", version="2")[0] == 103 and ask("getPrices", type="json")[0] == 105
        # The rest of the calls.
        person = dict(fn="A", ln="B", ad="C", cy="D", st="E", zp="1", ct="DE", em="a@b.test", ph="1")
        code, reply = ask("contactAdd", **person)
        assert code == 300 and reply.find("contact_id").text and ask("contactAdd", fn="A")[0] == 108
        fake.balance += 100
        assert ask("registerDomain", domain="two.test", years=1, contact_id="1")[0] == 300 and ask("registerDomain", domain="three.test", years=1)[0] == 302
        assert {one.tag for one in ask("getDomainInfo", domain="two.test")[1].find("contact_ids")} == {"registrant", "administrative", "technical", "billing"}
        code, reply = ask("listDomains", page=2, pageSize=2)
        assert [one.text for one in reply.iter("domain")] == ["two.test"] and reply.find("pager/total").text == "3" and ask("listDomains", page="x")[0] == 210
        assert ask("addRegisteredNameServer", domain="two.test", new_host="ns1", ip1="192.0.2.1")[0] == 300 and fake.hosts["ns1.two.test"] == ["192.0.2.1"]
        assert ask("addRegisteredNameServer", domain="two.test", new_host="ns1")[0] == 108 and ask("addRegisteredNameServer", domain="none.test", new_host="a", ip1="b")[0] == 200
        assert ask("dnsSecAddRecord", domain="two.test", digest="AB", keyTag=1, digestType=2, alg=13)[0] == 300 and len(fake.dnssec["two.test"]) == 1
        assert ask("changeNameServers", domain="two.test", ns1="ns1.seed.test", ns2="-bad-")[0] == 254 and ask("renewDomain", domain="two.test", years=10)[0] == 264


def github():
    with FakeGitHub({"me/app": {"commits": {"main": {"flake.nix": "{ }"}}}, "me/secret": {"private": True, "commits": {"main": {"a": "b"}}}}) as fake:
        token = {"Authorization": "Bearer test-token"}
        commit = get(f"{fake.url}/repos/me/app/commits/main", {"Accept": "application/vnd.github.sha"})[1].decode()
        assert len(commit) == 40
        assert get(f"{fake.url}/repos/me/secret")[0] == 404 and get(f"{fake.url}/repos/me/secret", token)[0] == 200
        assert get(f"{fake.url}/repos/me/secret", {"Authorization": "Bearer wrong"})[0] == 401
        status, _, headers = get(f"{fake.url}/repos/me/app/tarball/{commit}")
        assert status == 302
        assert get(headers["Location"], token)[0] == 400, "a token sent to another host goes unnoticed"
        _, _, headers = get(f"{fake.url}/repos/me/app/tarball/main")
        archive = tarfile.open(fileobj=io.BytesIO(get(headers["Location"])[1]))
        assert archive.getnames() == [f"me-app-{commit[:7]}/flake.nix"]
        assert get(headers["Location"])[0] == 404, "the link works twice"
        assert get(f"{fake.url}/repos/me/app/commits/none")[0] == 422
        body = json.dumps({"state": "success", "context": "seed"}).encode()
        assert get(f"{fake.url}/repos/me/app/statuses/{commit}", token, body)[0] == 201 and fake.statuses[commit][0]["context"] == "seed"
        fake.rate_limit(1)
        assert get(f"{fake.url}/repos/me/app")[0] == 200 and get(f"{fake.url}/repos/me/app")[0] == 403
        fake.rate_limit(100)
        # The vector of GitHub's documentation.
        assert signature("It's a Secret to Everybody", b"Hello, World!") == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        with FakeHttp([{"request": {"method": "POST", "path": "/hook"}, "response": {"status": 202, "text": "ok"}}]) as receiver:
            after = fake.push("me/app", "main", {"flake.nix": "{ new = 1; }"})
            payload = fake.push_payload("me/app", "main", commit, after)
            assert fake.deliver(f"{receiver.url}/hook", "s3cret", "push", payload) == (202, "ok")
            got = receiver.requests[0]
            assert got["headers"]["X-Hub-Signature-256"] == signature("s3cret", got["body"].encode()) and json.loads(got["body"])["after"] == after
            hook = fake.pull("me/app", 7, {"flake.nix": "{ pull = 7; }"})
            assert fake.deliver(f"{receiver.url}/hook", "s3cret", "pull_request", hook, form=True)[0] == 202
            got = receiver.requests[-1]
            assert {name.lower(): value for name, value in got["headers"].items()}["x-github-event"] == "pull_request" and got["headers"]["X-Hub-Signature-256"] == signature("s3cret", got["body"].encode())
            assert json.loads(urllib.parse.parse_qs(got["body"])["payload"][0])["pull_request"]["head"]["sha"] == hook["pull_request"]["head"]["sha"]
            assert fake.deliver(f"{receiver.url}/hook", "s3cret", "ping", fake.ping_payload("me/app"))[0] == 202
        assert get(f"{fake.url}/repos/me/app/commits/refs/pull/7/head", {"Accept": "application/vnd.github.sha"})[1].decode() == hook["pull_request"]["head"]["sha"]
        archive = tarfile.open(fileobj=io.BytesIO(get(f"{fake.url}/me/app/archive/{after}.tar.gz")[1]))
        assert archive.extractfile(f"me-app-{after[:7]}/flake.nix").read() == b"{ new = 1; }" and get(f"{fake.url}/me/secret/archive/main.tar.gz")[0] == 404
        assert fake.push_payload("me/app", "gone", after, ZERO)["deleted"]


def programs():
    """By hand, as authors in other languages use them."""
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/recording.json", "w") as file:
            json.dump({"exchanges": [{"response": {"text": "yes"}}]}, file)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{work}/key.pem", "-out", f"{work}/certificate.pem"], check=True, capture_output=True)
        command = [sys.executable, f"{FOLDER}/fake_http.py", f"{work}/recording.json", "--certificate", f"{work}/certificate.pem", "--key", f"{work}/key.pem",
                   "--journal", f"{work}/journal"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        url = process.stdout.readline().split()[1]
        answer = subprocess.run(["curl", "-sS", "--noproxy", "*", "--cacert", f"{work}/certificate.pem", f"{url}/any"], capture_output=True, text=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0 and url.startswith("https://") and answer.stdout == "yes", answer
        assert json.loads(open(f"{work}/journal").readline())["path"] == "/any"
        for program in ("fake_http.py", "fake_github.py"):
            wrong = subprocess.run([sys.executable, f"{FOLDER}/{program}", "/nonexistent"], capture_output=True, text=True)
            assert wrong.returncode == 1 and "Traceback" not in wrong.stderr, wrong.stderr


for part in (recordings, namesilo, github, programs):
    part()
    print(f"{part.__name__}: as it should be")
