"""A person with a key, stock git and stock ssh.  Nothing of the tester's own configuration, agent or known hosts is used."""
import json
import os
import shutil
import subprocess

from seed_platform import SOURCE, wait_for


class Refused(AssertionError):
    """A command that had to succeed did not; `.result` has its status and output."""

    def __init__(self, result):
        super().__init__(f"{' '.join(map(str, result.args))} ended with {result.returncode}:\n{result.stdout}\n{result.stderr}")
        self.result = result


def find_template(name):
    for folder in (f"{SOURCE}/templates/{name}", f"{SOURCE}/tests/flakes/{name}", name):
        if os.path.isfile(f"{folder}/flake.nix"):
            return folder
    raise AssertionError(f"there is no flake named {name}")


def make_flake(directory, template, changes=None):
    """Copies a flake and gives it what it builds with: Debian's static busybox as bb/busybox.  `changes`: {path: text, or a
    function from the old text to the new one, or None to remove it}."""
    shutil.copytree(find_template(template), directory, dirs_exist_ok=True)
    os.makedirs(f"{directory}/bb", exist_ok=True)
    if not os.path.exists(f"{directory}/bb/busybox"):
        shutil.copy("/usr/bin/busybox", f"{directory}/bb/busybox")
    change_files(directory, changes or {})


def change_files(directory, changes):
    for path, change in changes.items():
        file = os.path.join(directory, path)
        if change is None:
            os.remove(file)
            continue
        if callable(change):
            with open(file) as old:
                change = change(old.read())
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "w") as new:
            new.write(change)


class Person:
    def __init__(self, platform, name, keytype="ed25519"):
        self.platform, self.name = platform, name
        self.home = f"{platform.directory}/people/{name}"
        self.key = f"{self.home}/key"
        if not os.path.exists(self.key):
            os.makedirs(self.home, mode=0o700)
            subprocess.run(["ssh-keygen", "-q", "-t", keytype, "-N", "", "-C", name, "-f", self.key], check=True)
            with open(f"{self.home}/.gitconfig", "w") as config:
                config.write(f"[user]\nname = {name}\nemail = {name}@example.org\n[init]\ndefaultBranch = main\n[advice]\ndetachedHead = false\n")
        with open(f"{self.key}.pub") as file:
            self.public_key = " ".join(file.read().split()[:2])

    # ssh -------------------------------------------------------------------------------------------------------------------------
    def ssh_options(self):
        return ["-F", "none", "-i", self.key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new",
                "-o", f"UserKnownHostsFile={self.home}/known_hosts", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=30"]

    def environment(self):
        keep = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR")}
        return {**keep, "HOME": self.home, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "SEED_TEST": self.platform.directory,
                "GIT_SSH_COMMAND": " ".join(["ssh"] + self.ssh_options())}

    def run(self, command, *, check=True, timeout=300, cwd=None, input=None, text=True):
        result = subprocess.run(command, cwd=cwd or self.home, env=self.environment(), capture_output=True, timeout=timeout, text=text,
                                errors="replace" if text else None, **({"input": input} if input is not None else {"stdin": subprocess.DEVNULL}))
        if check and result.returncode != 0:
            raise Refused(result)
        return result

    def ssh_command(self, *words, user="anyone", options=()):
        return ["ssh", *self.ssh_options(), *options, "-p", str(self.platform.ssh_port), f"{user}@127.0.0.1", *words]

    def ssh(self, *words, user="anyone", options=(), **how):
        """One command of the platform's shell; words go over as they are, joined by spaces."""
        return self.run(self.ssh_command(*words, user=user, options=options), **how)

    def ask(self, *words, **how):
        """The same with --json, parsed."""
        return json.loads(self.ssh(*words, "--json", **how).stdout)

    # git -------------------------------------------------------------------------------------------------------------------------
    def url(self, repo):
        return f"ssh://127.0.0.1:{self.platform.ssh_port}/{repo}"

    def folder(self, repo):
        return f"{self.home}/{repo}"

    def git(self, *arguments, repo=None, **how):
        return self.run(["git", *arguments], cwd=self.folder(repo) if repo else None, **how)

    def make_repo(self, repo, template="hello", changes=None):
        make_flake(self.folder(repo), template, changes)
        self.git("init", "-q", repo=repo)
        self.git("remote", "add", "origin", self.url(repo), repo=repo)
        self.commit(repo, "first")

    def clone(self, repo, **how):
        return self.git("clone", "-q", self.url(repo), self.folder(repo), **how)

    def change(self, repo, changes, message="change"):
        change_files(self.folder(repo), changes)
        self.commit(repo, message)

    def commit(self, repo, message="change"):
        self.git("add", "-A", "--force", repo=repo)
        self.git("commit", "-q", "--allow-empty", "-m", message, repo=repo)

    def push(self, repo, *arguments, url=None, **how):
        """Returns when the platform has finished with it; .stderr has the `remote:` lines."""
        return self.git("push", *arguments, url or self.url(repo), "HEAD:refs/heads/main", repo=repo, **how)

    def head(self, repo):
        return self.git("rev-parse", "HEAD", repo=repo).stdout.strip()

    # What the platform says ------------------------------------------------------------------------------------------------------
    def flake(self, repo):
        flakes = [flake for flake in self.ask("status")["flakes"] if flake["repository"] == repo]
        assert flakes, f"{self.name} sees no {repo} in status"
        return flakes[0]

    def instance(self, repo, name=None):
        found = [one for one in self.flake(repo)["instances"] if name in (None, one["name"])]
        assert found, f"{repo} has no instance {name or 'at all'}"
        return found[0]

    def wait_ready(self, repo, name=None, deadline=180):
        def ready():
            one = self.instance(repo, name)
            return one if one["state"] == "ready" else None
        return wait_for(ready, f"{repo} is ready", deadline, pause=0.3)
