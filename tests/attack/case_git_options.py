"""Options in git's place are no options: upload-pack, receive-pack and archive take one repository name and nothing else."""
import os


def run(world):
    alice, mark = world.alice, f"{world.platform.directory}/executed"
    for line in (f"git-upload-pack --exec='touch {mark}' bob-app", f"git upload-pack --upload-pack='touch {mark}' bob-app",
                 "git-upload-pack --strict --timeout=1 bob-app", "git-receive-pack --stateless-rpc bob-app",
                 "git-receive-pack --advertise-refs bob-app", "git-upload-pack bob-app alice-app", "git-upload-pack",
                 "git-upload-archive bob-app", f"git-upload-archive --remote='x' --exec='touch {mark}'", f"git -c core.fsmonitor='touch {mark}' upload-pack bob-app",
                 "git-upload-pack -- bob-app extra", "git --exec-path=/tmp upload-pack bob-app"):
        world.refused(alice.ssh(line, check=False, timeout=60))
        assert not os.path.exists(mark), line
    # Push options and protocol versions come from the client as well.
    for option in ("nowait;touch x", "x" * 3000, "../../x", "--upload-pack=id"):
        alice.git("push", "-o", option, alice.url("bob-app"), "HEAD:refs/heads/main", repo="alice-app", check=False)
    protocol = alice.ssh("git-upload-pack", "'alice-app'", options=["-o", f"SetEnv=GIT_PROTOCOL=version=2:$(touch {mark})"], input="0000", check=False, timeout=60)
    assert protocol.returncode != 0 or protocol.stdout
    assert not os.path.exists(mark)
    hostile_environment = alice.ssh("git-upload-pack", "'alice-app'", input="0000", check=False, timeout=60, options=[
        "-o", f"SetEnv=GIT_DIR=/etc LD_PRELOAD=/tmp/x.so GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.fsmonitor GIT_CONFIG_VALUE_0='touch {mark}'"])
    assert "main" in hostile_environment.stdout and not os.path.exists(mark)
