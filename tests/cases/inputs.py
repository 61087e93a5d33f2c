#!/usr/bin/env python3
"""Flake inputs reach a build by themselves, as flake.lock says and no other way: archives, forges, git and this platform's repositories."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from flake_inputs import REV, archive, git, github, lock, nar_hash, references, tarball, tree_hash, write_tree
from https_origin import Origin
from make_flake import make_flake

if os.geteuid() != 0:
    print("skipped: needs root (a tenant's box has uids of its own)")
    sys.exit(77)
PROBE = pathlib.Path(os.environ.get("SEED_BUILD", "build")) / "bin" / "seed-build-probe"
EVERYTHING = ["unpack", "evaluate", "build", "image"]
ZERO = "sha256-" + "A" * 43 + "="

with tempfile.TemporaryDirectory(prefix="seed-inputs-") as name:
    room = pathlib.Path(name)
    os.chmod(room, 0o755)
    origin = Origin(room / "origin", "github.com", "codeload.github.com", "gitlab.com", "files.example", "git.example")
    flake = make_flake("minimal", room / "flake")
    plain = (flake / "flake.nix").read_text()

    def probe(tree, *words, inputs=None, text=None, allow=("public",), namespace="one", more=()):
        """One flake with these inputs, each read for meta; `text` is the lock file when it is not that of `inputs`."""
        reading = " + ".join(f'builtins.readFile "${{{name}}}/file"' for name in inputs or {}) or '""'
        head, body = plain.split("outputs = { self }:", 1)
        head = head.rstrip()
        (flake / "flake.nix").write_text(head + f"\n  inputs = {references(inputs or {})};\n  outputs = {{ self{''.join(', ' + one for one in inputs or {})} }}: "
                                         + body.replace("meta = {", f"meta = {{ read = {reading};", 1))
        (flake / "flake.lock").write_text(text if text is not None else lock(inputs or {}))
        rules = [word for rule in allow for word in ("--set", f"allow={rule}")]
        done = subprocess.run([PROBE, room / "state", namespace, flake, *(words or ["unpack", "evaluate"]), "--set", f"tree={tree}", *rules,
                               *origin.settings(), *more], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    def good(*words, **more):
        answers, progress = probe(*words, **more)
        assert all(answer["ok"] for answer in answers), (answers, progress)
        return answers, progress

    def refused(*says, code="invalid", **more):
        """In one line, with all these words, when the source is taken in: nothing was evaluated."""
        count[0] += 1
        answers, progress = probe(f"refused{count[0]}", **more)
        last = answers[-1]
        assert not last["ok"] and last["step"] == "unpack" and last["code"] == code, (answers, progress)
        assert "\n" not in last["text"] and last["text"].count(": ") >= 1, last["text"]
        for word in says:
            assert word in last["text"], f"'{word}' is not in: {last['text']}"
        return last["text"]
    count = [0]

    # An archive, a repository of a forge (with the forge's redirect), one of another forge: what flake.lock says, and no more.
    one, two, three = {"file": "one\n", "sub/x": "1"}, {"file": "two\n"}, {"file": "three\n"}
    origin.pages["/a.tar.gz"] = archive(one)
    origin.pages[f"/NixOS/nixpkgs/archive/{REV}.tar.gz"] = origin.redirect(f"https://codeload.github.com/NixOS/nixpkgs/tar.gz/{REV}")
    origin.pages[f"/NixOS/nixpkgs/tar.gz/{REV}"] = archive(two)
    origin.pages[f"/api/v4/projects/a%2Fb%2Fc/repository/archive.tar.gz?sha={REV}"] = archive(three)
    inputs = {"a": tarball("https://files.example/a.tar.gz", tree_hash(one)), "nixpkgs": github("NixOS", "nixpkgs", tree_hash(two)),
              "c": {**github("a%2Fb", "c", tree_hash(three)), "type": "gitlab"}}
    answers, progress = good("t1", *EVERYTHING, inputs=inputs)
    assert list(answers[1]["seeds"].values())[0]["meta"]["read"] == "one\ntwo\nthree\n", answers
    assert "fetched 3 inputs (a, c, nixpkgs) in " in progress, progress
    assert len(origin.asked) == 4, origin.asked

    # An unchanged lock file fetches nothing again: another revision, another process, after a collection; in another namespace all.
    asked = len(origin.asked)
    (flake / "README.md").write_text("words\n")
    _, progress = good("t2", *EVERYTHING, inputs=inputs)
    assert "fetch" not in progress and len(origin.asked) == asked, (progress, origin.asked)
    good("t2", "unpack", "keep", inputs=inputs)
    answers, _ = good("t3", *EVERYTHING, inputs=inputs)
    assert len(origin.asked) == asked, origin.asked
    again, _ = good("t3", "unpack", inputs=inputs)
    print(f"unchanged lock file: {answers[0]['ms']} ms to unpack another revision, {again[0]['ms']} ms for the same one")
    good("t1", "unpack", "evaluate", inputs=inputs, namespace="two")
    assert len(origin.asked) == asked + 4, origin.asked
    # What nobody keeps is dropped, and comes back when it is wanted.
    good("t3", "unpack", "forget", inputs=inputs)
    _, progress = good("t3", "unpack", "evaluate", inputs=inputs)
    assert "fetched 3 inputs" in progress and len(origin.asked) == asked + 8, origin.asked

    # What the store lost behind our back is noticed before Nix would look for it elsewhere, and fetched again.
    box = [PROBE.parent / "seed-nix-box", "--state", room / "state" / "build" / "one", "--store-bytes", str(512 << 20)]
    for command in (["rm", "-r", "/nix/var/nix/gcroots/seed-inputs"], ["nix-store", "--gc"]):
        subprocess.run([*box, "--", *command], check=True, capture_output=True)
    answers, _ = probe("t3", "unpack", "evaluate", inputs=inputs)
    assert answers[-1]["code"] == "not_found" and "fetch it again" in answers[-1]["text"], answers
    _, progress = good("t3", "unpack", "evaluate", inputs=inputs)
    assert "fetched 3 inputs" in progress, progress

    # A lock file of a newer Nix, whose tarballs have more to say than Nix 2.8 understands.
    answers, _ = good("newer", inputs={"a": {**inputs["a"], "lastModified": 7, "rev": REV, "revCount": 3}})
    assert list(answers[1]["seeds"].values())[0]["meta"]["read"] == "one\n", answers

    # A commit of a git server over https.
    work, bare = room / "work", room / "git" / "thing.git"
    write_tree(work, {"file": "from git\n"})
    commit = ["git", "-C", work, "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "init", "-q", "-b", "main", work], check=True)
    subprocess.run([*commit, "add", "."], check=True)
    subprocess.run([*commit, "commit", "-q", "-m", "one"], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", work, bare], check=True)
    rev = subprocess.run([*commit, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    tree = room / "tree"
    write_tree(tree, {"file": "from git\n"})
    origin.git_at("/git/", room / "git")
    answers, progress = good("g1", inputs={"g": git("https://git.example/git/thing.git", rev, nar_hash(tree))})
    assert list(answers[1]["seeds"].values())[0]["meta"]["read"] == "from git\n", answers
    refused("input 'g'", "cannot be fetched", code="unavailable", inputs={"g": git("https://git.example/git/thing.git", REV, nar_hash(tree))})

    # A repository of this platform: by the git provider, no door, whatever the rules for the others are.
    here = ["--set", "platform_host=silo.example", "--set", f"repositories={room / 'git'}"]
    asked = len(origin.asked)
    for number, url in enumerate(["ssh://silo.example/thing.git", "ssh://git@silo.example:2222/thing"]):
        answers, progress = good(f"p{number}", inputs={"p": git(url, rev, nar_hash(tree))}, allow=(), more=here)
        assert list(answers[1]["seeds"].values())[0]["meta"]["read"] == "from git\n", answers
    assert len(origin.asked) == asked
    refused("input 'p'", "no such repository or revision", "nix flake lock", inputs={"p": git("ssh://silo.example/other.git", rev, nar_hash(tree))}, more=here)
    refused("input 'p'", "is not what flake.lock says", inputs={"p": git("ssh://silo.example/thing.git", rev, ZERO)}, more=here)
    for url in ("ssh://silo.example.evil/thing.git", "ssh://evil@other.example/thing.git", "ssh://silo.example/../thing.git",
                "file:///etc", "ext::sh -c id", "ssh://-oProxyCommand=id/thing.git", "git://git.example/thing.git"):
        refused("input 'p'", inputs={"p": git(url, rev, nar_hash(tree))}, more=here)

    # What is not as locked, not locked, not allowed.
    a = inputs["a"]
    said = refused("input 'a' (tarball:https://files.example/a.tar.gz)", "is not what flake.lock says", f"locked {ZERO}, fetched {a['narHash']}",
                   inputs={"a": {**a, "narHash": ZERO}})
    refused("input 'a'", "no narHash", "nix flake lock", inputs={"a": {"type": "tarball", "url": a["url"]}})
    refused("input 'n'", "no rev", inputs={"n": {**inputs["nixpkgs"], "rev": "main"}})
    # A known hash under another origin is fetched from there, and differs: nobody vouches for another's content.
    origin.pages["/evil.tar.gz"] = archive({"file": "evil\n"})
    refused("is not what flake.lock says", inputs={"a": tarball("https://files.example/evil.tar.gz", a["narHash"])})
    asked = len(origin.asked)
    refused("not allowed", "builder.inputs", inputs={"a": a}, allow=("github:NixOS",))
    refused("not allowed", "put what you need into the repository", inputs={"a": a}, allow=())
    refused("not allowed", inputs={"p": {"type": "path", "path": "/etc", "narHash": ZERO}})
    refused("not allowed", inputs={"p": {"type": "indirect", "id": "nixpkgs"}})
    refused("https://HOST/PATH", inputs={"a": tarball("file:///etc/passwd", ZERO)})
    refused("https://HOST/PATH", inputs={"a": tarball("http://files.example/a.tar.gz", ZERO)})
    refused("https://HOST/PATH", inputs={"a": tarball("https://me:secret@files.example/a.tar.gz", ZERO)})
    refused("port 8443", inputs={"a": tarball("https://files.example:8443/a.tar.gz", ZERO)})
    refused("is not locked", text=json.dumps({"nodes": {"root": {"inputs": {"e": "e"}}, "e": {"original": {}}}, "root": "root", "version": 7}))
    # Files that are made to be followed for ever.
    node = {"locked": a, "original": a}
    refused("in a circle", text=json.dumps({"nodes": {"root": {"inputs": {"a": ["b"], "b": ["a"]}}}, "root": "root", "version": 7}))
    doubling = {f"x{n}": [f"x{n + 1}", f"x{n + 1}"] for n in range(30)}
    refused("in a circle, or too far", text=json.dumps({"nodes": {"root": {"inputs": {**doubling, "x30": "root"}}}, "root": "root", "version": 7}))
    refused("at most 256", text=json.dumps({"nodes": {"root": {}, **{f"n{n}": node for n in range(2000)}}, "root": "root", "version": 7}))
    refused("not in the file", text=json.dumps({"nodes": {"root": {"inputs": {"a": "b"}}}, "root": "root", "version": 7}))
    assert len(origin.asked) == asked, origin.asked

    # Where the door does not lead: this machine, its networks, the metadata service of a cloud; also by redirect, and by a name.
    for host in ("127.0.0.1", "localhost", "169.254.169.254", "10.1.2.3", "192.168.1.1", "0.0.0.0", "2130706433", "0x7f.1"):
        refused("input 'a'", ":443: it leads to", "address", inputs={"a": tarball(f"https://{host}/x.tar.gz", ZERO)})
    for target, words in (("https://169.254.169.254/latest", "169.254.169.254:443: it leads to 169.254.169.254, a link-local address"),
                          (f"https://127.0.0.1:{origin.port}/a.tar.gz", "only port 443"), ("https://localhost/x", "a loopback address"),
                          ("http://files.example/a.tar.gz", "only https"), (f"https://[::1]/x", "a loopback address")):
        origin.pages["/moved.tar.gz"] = origin.redirect(target)
        refused(words, inputs={"a": tarball("https://files.example/moved.tar.gz", ZERO)})
    origin.pages["/moved.tar.gz"] = origin.redirect("file:///etc/passwd")
    refused("input 'a'", code="unavailable", inputs={"a": tarball("https://files.example/moved.tar.gz", ZERO)})
    # With a list instead of "public", a redirect leads to listed hosts only.
    origin.pages["/moved.tar.gz"] = origin.redirect("https://git.example/a.tar.gz")
    moved = {"a": tarball("https://files.example/moved.tar.gz", a["narHash"])}
    refused("git.example:443", "not allowed here", inputs=moved, allow=("tarball:https://files.example",))
    good("moved", inputs=moved, allow=("tarball:https://files.example",), more=["--set", "fetch_host=git.example:443"])

    # Servers that lie, hang, drip, never end or are not who they say.
    refused("HTTP error 404", code="unavailable", inputs={"a": tarball("https://files.example/nothing.tar.gz", ZERO)})
    origin.pages["/garbage.tar.gz"] = os.urandom(100000)
    refused("input 'a'", code="unavailable", inputs={"a": tarball("https://files.example/garbage.tar.gz", ZERO)})

    def hang(handler):
        time.sleep(60)

    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(600):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)

    def flood(handler):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(bytes(1 << 16))

    origin.pages.update({"/hang.tar.gz": hang, "/drip.tar.gz": drip, "/flood.tar.gz": flood})
    limits = ["--set", "fetch_seconds=4", "--set", "fetch_bytes=3000000"]
    text = refused("input 'a'", "cannot be fetched", code="timeout", inputs={"a": tarball("https://files.example/drip.tar.gz", ZERO)}, more=limits)
    assert "longer than 4 s" in text, text
    answers, _ = probe("hang", inputs={"a": tarball("https://files.example/hang.tar.gz", ZERO)}, more=limits)
    assert not answers[-1]["ok"] and any(words in answers[-1]["text"] for words in ("longer than 4 s", "silent for 4 s")), answers
    refused("input 'a'", "files.example:443: more than 2.9 MiB came", inputs={"a": tarball("https://files.example/flood.tar.gz", ZERO)}, more=limits)
    with Origin(room / "impostor", "files.example") as impostor:   # the right name, signed by nobody we know
        impostor.pages["/b.tar.gz"] = archive(one)
        refused("input 'a'", code="unavailable", inputs={"a": tarball("https://files.example/b.tar.gz", a["narHash"])},
                more=["--set", f"address=files.example=127.0.0.1:{impostor.port}"])
        assert not impostor.asked, impostor.asked

    # After all that the namespace is as it was.
    (flake / "README.md").write_text("more words\n")
    asked = len(origin.asked)
    answers, _ = good("t9", *EVERYTHING, inputs={"a": a})
    assert list(answers[1]["seeds"].values())[0]["meta"]["read"] == "one\n" and len(origin.asked) == asked
    origin.server.shutdown()
print("ok")
