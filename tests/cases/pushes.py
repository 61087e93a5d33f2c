#!/usr/bin/env python3
"""Who owns, who may push, what a newer push does to an older one, and that a pusher who leaves loses nothing."""
import subprocess
import threading

from seed_person import Person
from seed_platform import Platform, needs, wait_for

needs(root=True)

with Platform() as platform:
    # Two first pushes of the same name at once: one owner, the other is refused and told why.
    people = [Person(platform, name) for name in ("alice", "bob")]
    for person in people:
        person.make_repo("app", "hello", {"mark": person.name})
    results = {}

    def push(person):
        results[person.name] = person.push("app", check=False)

    threads = [threading.Thread(target=push, args=(person,)) for person in people]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    won = [person for person in people if results[person.name].returncode == 0]
    assert len(won) == 1, {name: (result.returncode, result.stderr) for name, result in results.items()}
    owner, other = won[0], next(person for person in people if person is not won[0])
    assert results[other.name].stderr.strip(), "refused without a word"
    assert owner.flake("app")["role"] == "owner" and other.ask("status")["flakes"] == []

    # The owner lets the other in; from the next push on he may, and sees the repository.  Windows line ends do no harm.
    assert other.push("app", "--force", check=False).returncode != 0
    owner.change("app", {".authorized_keys": f"# people\r\n{other.public_key} friend\r\n"})
    owner.push("app")
    assert other.flake("app")["role"] == "collaborator"
    other.git("pull", "-q", "--rebase", "-X", "theirs", other.url("app"), "main", repo="app")
    other.push("app")

    # He cannot lock the owner out, but the owner can him.
    other.change("app", {".authorized_keys": f"{other.public_key} only me\n"})
    other.push("app", "-o", "nowait")
    owner.git("pull", "-q", owner.url("app"), "main", repo="app")
    owner.change("app", {".authorized_keys": "\n"})
    owner.push("app")
    assert other.push("app", check=False).returncode != 0 and other.ask("status")["flakes"] == []

    # Of three pushes in a row the last one wins; the one between is told that it was superseded, or was deployed in time.
    text = "Hello from instance"
    pushes = []
    for number in range(3):
        new = f"Greeting {number} from instance"
        owner.change("app", {"flake.nix": lambda old, text=text, new=new: old.replace(text, new)})
        text = new
        pushes.append(subprocess.Popen(["git", "push", owner.url("app"), "HEAD:refs/heads/main"], cwd=owner.folder("app"),
                                       env=owner.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
        wait_for(lambda: owner.flake("app")["revision"]["commit"] == owner.head("app"), "the push has arrived", 60)
    told = [push.communicate(timeout=300)[1] for push in pushes]
    assert all("superseded" in one or "deployed" in one for one in told), told
    assert "deployed" in told[2], told[2]
    assert "Greeting 2" in platform.get(owner.instance("app")["urls"][0], deadline=60)

    # A pusher who is killed right after the refs changed: it is deployed all the same.
    owner.change("app", {"flake.nix": lambda old: old.replace(text, "Farewell from instance")})
    leaving = subprocess.Popen(["git", "push", owner.url("app"), "HEAD:refs/heads/main"], cwd=owner.folder("app"), env=owner.environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for(lambda: owner.flake("app")["revision"]["commit"] == owner.head("app"), "the push has arrived", 60)
    leaving.kill()
    leaving.wait()
    wait_for(lambda: "Farewell" in platform.get(owner.instance("app")["urls"][0]), "it is deployed", 120)
