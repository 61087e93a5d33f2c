#!/usr/bin/env python3
"""Hostile flakes, through the real builder: each of hostile_flakes/*.nix ends as its head says, and tells nothing it should not.

One file alone: hostile_flakes.py NAME...   See hostile_flakes/README.md for how to add one.
"""
import concurrent.futures
import hashlib
import http.server
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from make_flake import busybox

if os.geteuid() != 0:
    print("skipped: needs root (a tenant's box has uids of its own)")
    sys.exit(77)
HERE = pathlib.Path(__file__).resolve().parent / "hostile_flakes"
PROBE = pathlib.Path(os.environ.get("SEED_BUILD", "build")) / "bin" / "seed-build-probe"
STEPS = ["unpack", "evaluate", "build", "image"]
PRELUDE = """
    bb = builtins.path { path = ./bb; name = "bb"; };
    busybox = "${bb}/busybox";
    tools = builtins.derivation { name = "tools"; system = "x86_64-linux"; builder = busybox; inherit busybox; args = [ "sh" "-ec"
      "$busybox mkdir -p $out/bin; $busybox cp $busybox $out/bin/busybox; for a in $($busybox --list); do test $a = busybox || $busybox ln -s busybox $out/bin/$a; done" ]; };
    sh = script: builtins.derivation { name = "thing"; system = "x86_64-linux"; builder = busybox; PATH = "${tools}/bin"; args = [ "sh" "-c" script ]; };
"""
WRAPPED = {
    "meta": "{ outputs = { self }: let" + PRELUDE + "in { seeds.x = { meta.v = (\n@BODY@\n); toplevel = sh \"echo > $out\"; }; }; }\n",
    "toplevel": "{ outputs = { self }: let" + PRELUDE + "in { seeds.x = { meta = { }; toplevel = (\n@BODY@\n); }; }; }\n",
    "seeds": "{ outputs = { self }: let" + PRELUDE + "in { seeds = (\n@BODY@\n); }; }\n",
    "flake": "@BODY@",
}


class Server(http.server.ThreadingHTTPServer):
    """Offers the secret on loopback and counts who asks."""

    def __init__(self, text):
        self.asked = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def probe(state, namespace, folder, *words):
    """The steps' answers, everything that was printed, and how long it took."""
    started = time.monotonic()
    done = subprocess.run([PROBE, state, namespace, folder, *words], capture_output=True, text=True, errors="replace", timeout=400)
    assert done.returncode == 0, f"the probe ended with {done.returncode}: {done.stderr[-2000:]}"
    return [json.loads(line) for line in done.stdout.splitlines()], done.stdout + done.stderr, time.monotonic() - started


def read_case(path):
    case = {"as": "meta", "ends": "", "says": [], "set": [], "link": [], "file": [], "code": ""}
    lines = path.read_text().splitlines(keepends=True)
    while lines and lines[0].startswith("#"):
        found = re.match(r"# (as|ends|says|code|set|link|file): (.*)\n", lines.pop(0))
        if not found:
            continue
        key, value = found.groups()
        if isinstance(case[key], list):
            case[key].append(value)
        else:
            case[key] = value
    case["body"] = "".join(lines)
    return case


def write_flake(folder, case, values):
    def fill(text):
        for name, value in values.items():
            text = text.replace(name, value)
        return text

    folder.mkdir()
    (folder / "flake.nix").write_text(fill(WRAPPED[case["as"]].replace("@BODY@", case["body"])))
    if case["as"] != "flake":
        (folder / "bb").mkdir()
        shutil.copy(busybox(), folder / "bb" / "busybox")
    for text in case["file"]:
        name, content = text.split(": ", 1)
        (folder / name).write_text(fill(content))
    for text in case["link"]:
        name, target = fill(text).split(" -> ")
        (folder / name).symlink_to(target)


def run_case(path, room, values, forbidden):
    case = read_case(path)
    folder = room / ("flake-" + path.stem)
    write_flake(folder, case, values)
    # The cases that look for B share its platform, each as a namespace of its own.
    state = room / "platform" if "@B_" in path.read_text() else room / ("state-" + path.stem)
    sets = [word for value in case["set"] for word in ("--set", value)]
    answers, printed, seconds = probe(state, "a-" + path.stem.replace("_", "-"), folder, *STEPS, *sets)
    for name, text in forbidden.items():
        assert text not in printed, f"{name} came out"
        for image in state.glob("images/*.erofs"):
            if path.stem.replace("_", "-") in str(state) or "@B_" not in path.read_text():
                assert text.encode() not in image.read_bytes(), f"{name} is in the image"
    last = answers[-1]
    if case["ends"] == "harmless":
        assert last["ok"] and last["step"] == STEPS[-1], last
    else:
        assert not last["ok"], f"it went through: {last}"
        assert last["step"] == case["ends"], f"ended in {last}"
        for says in case["says"]:
            assert re.search(says.replace("@PORT@", values["@PORT@"]), last["text"]), f"'{says}' is not in: {last['text']}"
        assert not case["code"] or last["code"] == case["code"], last
        assert last["code"] != "internal", f"not a clear failure: {last}"
        assert len(last["text"]) < 8000 and re.fullmatch(r"[\t\n\x20-\x7e\u0080-\uffff]*", last["text"]), "not printable"
    if state.name != "platform":
        shutil.rmtree(state)
    shutil.rmtree(folder)
    return f"{path.stem}: {last['step']}: {'harmless' if last['ok'] else last['code']} ({seconds:.1f} s)"


def main():
    wanted = sys.argv[1:]
    cases = [path for path in sorted(HERE.glob("*.nix")) if not wanted or path.stem in wanted]
    assert cases, f"no such case: {wanted}"
    with tempfile.TemporaryDirectory(prefix="seed-hostile-") as name:
        room = pathlib.Path(name)
        host_secret, b_secret = "host-" + secrets.token_hex(16), "b-" + secrets.token_hex(16)
        secret = room / "secret-of-the-host"
        secret.write_text(host_secret)
        os.chmod(room, 0o755)
        server = Server(host_secret)
        # Namespace B: a source and an output with a secret in each.
        b = {"as": "flake", "body": "{ outputs = { self }: let" + PRELUDE + """in { seeds.b = {
            meta = { source = builtins.unsafeDiscardStringContext "${self}"; hash = self.narHash; };
            toplevel = sh "mkdir $out; cp ${./secret.txt} $out/secret.txt"; }; }; }""", "file": ["secret.txt: " + b_secret, "bb: "], "link": []}
        b["file"] = b["file"][:1]
        write_flake(room / "flake-b", b, {})
        (room / "flake-b" / "bb").mkdir()
        shutil.copy(busybox(), room / "flake-b" / "bb" / "busybox")
        answers, printed, _ = probe(room / "platform", "b", room / "flake-b", *STEPS)
        assert answers[-1]["ok"], printed
        seed = answers[1]["seeds"]["b"]
        values = {"@PORT@": str(server.server_port), "@SECRET@": str(secret), "@SHA256@": hashlib.sha256(host_secret.encode()).hexdigest(),
                  "@TOUCHED@": str(room / "touched"), "@B_OUT@": seed["outPath"], "@B_SOURCE@": seed["meta"]["source"],
                  "@B_HASH@": seed["meta"]["hash"], "@DEEP@": "[" * 10000 + "]" * 10000}
        forbidden = {"the host's secret": host_secret, "B's secret": b_secret}
        shadow = pathlib.Path("/etc/shadow")
        if shadow.exists():
            forbidden["/etc/shadow"] = shadow.read_text().splitlines()[0]
            forbidden["the hash of /etc/shadow"] = hashlib.sha256(shadow.read_bytes()).hexdigest()
        failed = 0
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            running = {pool.submit(run_case, path, room, values, forbidden): path for path in cases}
            for future in concurrent.futures.as_completed(running):
                try:
                    print("ok  ", future.result(), flush=True)
                except Exception as error:
                    failed += 1
                    print("FAIL", running[future].stem + ":", repr(error)[:3000], flush=True)
        assert not (room / "touched").exists(), "something ran on the host"
        assert not server.asked, f"the host's server was asked for {server.asked}"
        # B is as it was: its closure is whole and its image the same.
        again, printed, _ = probe(room / "platform", "b", room / "flake-b", *STEPS)
        assert again[-1]["images"] == answers[-1]["images"], printed
        assert not failed, f"{failed} of {len(cases)} failed"
        print(f"all {len(cases)} ended as they should")


main()
