"""References that begin with '-', contain '..' or are thousands of letters long are refused, with nothing changed."""


def run(world):
    alice = world.alice
    url, before = alice.url("alice-app"), alice.git("ls-remote", alice.url("alice-app")).stdout
    for reference in ("refs/heads/-x", "refs/heads/--upload-pack=id", "refs/tags/-v", "refs/heads/" + "n" * 240 + "/" + "n" * 240 + "/" + "n" * 3000,
                      "refs/seed/internal", "refs/pull/1/head", "HEAD"):
        result = alice.git("push", url, f"HEAD:{reference}", repo="alice-app", check=False)
        text = world.refused(result)
        assert len(text) < 20000, "a refusal is short"
    # Below git's own checks: a raw conversation with names git would not send.
    head = alice.head("alice-app")
    for name in ("refs/heads/../../../x", "refs/heads/a..b", "refs/heads/x.lock", "refs/heads/a\x01b", "../../hooks/post-receive", "refs/heads/", ""):
        line = f"{'0' * 40} {head} {name}\0 report-status".encode()
        request = f"{len(line) + 4:04x}".encode() + line + b"0000"
        answer = alice.run(alice.ssh_command("git-receive-pack", "'alice-app'"), input=request, text=False, check=False, timeout=60)
        assert b"ok " + name.encode() + b"\n" not in answer.stdout or not name, (name, answer.stdout[-300:])
    assert alice.git("ls-remote", url).stdout == before, "nothing changed"
