"""Names with ../, control characters, quotes or 5000 letters, and shell syntax, are refused and reach no shell."""
import os


def run(world):
    alice, mark = world.alice, f"{world.platform.directory}/executed"
    names = ["../bob-app", "../../etc", "/etc/passwd", "bob-app/../../core", "..", ".", "-x", "--help", "a" * 5000, "a b", "a\tb", "A\x01",
             "x.git/../bob-app", "~root", "bob-app/.git", "%2e%2e", "CON:", "a\\b", "a;id", "a|id", ".git", "x.lock"]
    for name in names:
        for service in ("git-upload-pack", "git-receive-pack"):
            world.refused(alice.ssh(service, "'" + name + "'", check=False, timeout=60))
        if name != "--help":   # which is answered
            world.refused(alice.ssh("logs", "'" + name + "'", check=False, timeout=60))
    for line in (f"status; touch {mark}", f"status && touch {mark}", f"$(touch {mark})", f"`touch {mark}`", f"status | touch {mark}",
                 f"logs 'x'; touch {mark}", f"sh -c 'touch {mark}'", f"status > {mark}", f"git-upload-pack 'bob-app'; touch {mark}",
                 "bash", "/bin/sh", "env", "git-shell", "'unclosed", "x" * 20000):
        alice.ssh(line, check=False, timeout=60)
        assert not os.path.exists(mark), f"executed: {line[:80]}"
    # Names in the URL, as git sends them.
    for path in ("../bob-app", "a/../../bob-app", "-oProxyCommand=id", "bob-app.git/../../x"):
        alice.git("init", "-q", "-b", "main", "empty")
        result = alice.git("push", f"ssh://127.0.0.1:{world.platform.ssh_port}/{path}", "HEAD:refs/heads/main", repo="alice-app", check=False)
        world.refused(result)
