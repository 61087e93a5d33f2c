#!/usr/bin/env python3
"""With `admission: invite` nobody makes a repository but whom the operator invited, and each refusal says what to ask for."""
import base64
import json
import os
import subprocess
import tempfile

import schemas
from seed_person import Person
from seed_platform import BUILD, Platform, needs

needs(root=True, programs=["ssh-keygen"])

directory = tempfile.mkdtemp(prefix="seed-test-", dir="/tmp")
with open(f"{directory}/seed.yaml", "w") as file:
    json.dump({"platform": {"domain": "seed.localhost", "silo": "silo.seed.localhost", "state": f"{directory}/state"},
               "listen": {"ssh": "127.0.0.1:0", "http": "127.0.0.1:0"}, "admission": "invite", "limits": {"pack_bytes": "1Mi"},
               "providers": {"runtime": {"plugin": "runtime-qemu"}, "dns": {"plugin": "dns-powerdns", "config": {"managed": True}},
                             "git": [{"plugin": "git-silo"}], "storage": {"plugin": "storage-localpath"}}}, file)


def seed(*words, check=True):
    result = subprocess.run([f"{BUILD}/bin/seed", "--state", platform.state, *words], capture_output=True, text=True, timeout=120)
    assert not check or result.returncode == 0, f"{words}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


def invite(action, *words):
    return schemas.one(f"invite-{action}", seed("invite", action, *words, "--json").stdout)


def refused(status, *words, says):
    """One line that holds SAYS, and one JSON object with the same; nothing happened."""
    before = invite("list")
    plain, machine = seed(*words, check=False), seed(*words[:2], "--json", *words[2:], check=False)
    assert (plain.returncode, plain.stdout) == (status, "") and says in plain.stderr, (words, plain)
    assert plain.stderr.count("\n") == 1 and plain.stderr.strip().isprintable(), plain.stderr
    assert says in schemas.one("error", machine.stderr)["error"]["text"] and machine.returncode == status, machine
    assert invite("list") == before, (words, before)


def make(person, repo, files=None):
    os.makedirs(person.folder(repo))
    person.git("init", "-q", repo=repo)
    person.change(repo, files or {"README.md": f"{person.name}\n"})


def push(person, repo):
    return person.git("push", "-o", "nowait", person.url(repo), "HEAD:refs/heads/main", repo=repo, check=False)


def canonical(person):
    return " ".join(person.public_key.split()[:2])


with Platform(directory=directory, config=f"{directory}/seed.yaml") as platform:
    os.chmod(directory, 0o755)
    alice, bob, carol = (Person(platform, name) for name in ("alice", "bob", "carol"))
    for person in (alice, bob, carol):
        make(person, "shop")
    assert invite("list") == {"invitations": []} and "Nobody is invited" in seed("invite", "list").stdout

    # Refused, with the command that the operator needs: what stands there works as it stands there.
    told = push(alice, "shop")
    assert told.returncode != 0 and "there is no repository shop and this platform makes none without an invitation" in told.stderr, told.stderr
    line = next(line for line in told.stderr.splitlines() if "seed invite add" in line).split("ask its operator for: seed ")[1]
    assert line == f"invite add shop '{canonical(alice)}'", line
    subprocess.run(["sh", "-ec", f"exec \"$0\" --state \"$1\" {line}", f"{BUILD}/bin/seed", platform.state], check=True, capture_output=True, timeout=60)
    [one] = invite("list")["invitations"]
    assert one["repository"] == "shop" and one["keys"][0]["key"] == canonical(alice), one
    assert one["keys"][0]["fingerprint"] == alice.ask("whoami")["fingerprint"] and alice.ask("whoami")["invitations"] == ["shop"], one

    # Twice is once; more keys are added, from a file of several too; people see what they were called.
    again = invite("add", "shop", alice.public_key)
    assert (again["state"], again["added"], len(again["keys"])) == ("waiting", 0, 1), again
    more = invite("add", "shop", f"# ours\n{alice.public_key}\n\n{bob.public_key} bob's \x1b[31mlaptop\n")
    assert (more["added"], len(more["keys"])) == (1, 2) and "\x1b" not in json.dumps(more).encode().decode("unicode_escape"), more
    assert len(seed("invite", "list").stdout.splitlines()) == 3

    # The name is kept: others are refused, know nobody's key, and are not told as members.
    told = push(carol, "shop")
    assert told.returncode != 0 and "the name shop is kept for somebody else" in told.stderr and canonical(alice) not in told.stderr, told.stderr
    assert carol.ask("whoami")["invitations"] == [] and carol.ask("status")["flakes"] == []
    # A push that brings nothing leaves the invitation as it was, over a restart too.
    bob.change("shop", {"noise": os.urandom(3 << 20).hex()})
    assert "pack exceeds maximum allowed size" in push(bob, "shop").stderr
    platform.kill()
    platform.start()
    assert [len(one["keys"]) for one in invite("list")["invitations"]] == [2] and bob.ask("whoami")["repositories"] == []

    # Who of them pushes first owns it; the invitation is used up, and the others come in as everywhere.
    assert push(alice, "shop").returncode == 0
    assert invite("list") == {"invitations": []}
    me = alice.ask("whoami")
    assert [one["role"] for one in me["repositories"]] == ["owner"] and me["invitations"] == [], me
    told = push(bob, "shop")
    assert told.returncode != 0 and "this key may not push to shop" in told.stderr, told.stderr
    assert bob.ask("whoami")["invitations"] == []
    # Asked again for the one who has it: nothing to do.  For others, and taken back: too late.
    done = invite("add", "shop", bob.public_key, alice.public_key)
    assert done["state"] == "made" and done["owner"] == me["fingerprint"] and done["keys"] == [], done
    refused(1, "invite", "add", "shop", bob.public_key, says="shop exists already and belongs to " + me["fingerprint"])
    refused(1, "invite", "revoke", "shop", says="shop is made already and belongs to " + me["fingerprint"])

    # Revoked: as if it had never been.
    invite("add", "draft", bob.public_key)
    assert invite("revoke", "draft") == {"repository": "draft", "revoked": 1}
    refused(3, "invite", "revoke", "draft", says="nobody is invited to make draft; see: invite list")
    make(bob, "draft")
    assert "without an invitation" in push(bob, "draft").stderr

    # What is no name, and what is no key.
    for name in ("../shop", "a/b", "/etc/passwd", "..", "x" * 65, "a" * 20000, "shop\n", "sh\x1b[31mop", "Shop", "shop.git", "-x-", "a..b", "", "caf\u00e9", " ", "$(id)"):
        refused(2, "invite", "add", "--", name, alice.public_key, says="")
        refused(2, "invite", "revoke", "--", name, says="")
    refused(2, "invite", "add", "seed", alice.public_key, says="the repository seed is the platform's own flake")
    kind, blob = alice.public_key.split()[:2]
    for key in ("", " \n# nothing\n"):
        refused(2, "invite", "add", "new", key, says="name the keys that may make new")
    for key in ("hello", f"{kind} {blob[:-8]} cut", f"{kind} {blob[:-8]}=== x", f"ssh-rsa {blob}", f"{kind}", blob, f"{kind} {'A' * 30000}", f"{kind} AAAA\x1b[31m", "\x1b]0;x\x07",
                f'command="id" {kind} {blob}', f"cert-authority {kind} {blob}", f"{alice.public_key}\nnonsense"):
        refused(2, "invite", "add", "new", key, says="is no public SSH key: give a whole line of a .pub file")
    with open(alice.key) as file:
        private = file.read()
    refused(2, "invite", "add", "new", private, says="that is a private key")
    assert private.splitlines()[1] not in platform.log()
    refused(2, "invite", "add", "new", kind, blob, "alice", says="put the whole line of each key in quotes")
    for wrong in (("add",), ("add", "new"), ("revoke",), ("revoke", "new", "x"), ("list", "new"), ("drop", "new")):
        refused(2, "invite", *wrong, says="there are list, add, revoke" if wrong[0] == "drop" else f"say invite {wrong[0]}")
    many = ["ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes([number]) * 32).decode() for number in range(65)]
    refused(1, "invite", "add", "new", *many, says="has at most 64 keys")

    # Nobody but the operator.
    for words in (("invite", "add", "mine", bob.public_key), ("invite", "list")):
        assert bob.ssh(*words, check=False).returncode == 2
    assert invite("list") == {"invitations": []}
print("invitations hold")
