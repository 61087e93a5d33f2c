"""The world of the attack harness: one platform, Alice who attacks, Bob who must not notice.

Bob's instance serves "answering as scripted" on its exposed port 80 and a secret on port 9999, which is not exposed.  The secret also
lies in his sources, closure, volume and log.
"""
import os
import secrets
import shutil
import time

from seed_person import Person
from seed_platform import BUILD, Platform, wait_for


class World:
    def __init__(self, platform):
        self.platform = platform
        self.alice, self.bob = Person(platform, "alice"), Person(platform, "bob")
        self.secret = f"secret-{secrets.token_hex(12)}"
        self._attackers = set()
        self.bob.make_repo("bob-app", "scripted", {"script.sh": (
            f"echo {self.secret} > /data/secret; sync; echo {self.secret} > /dev/console\n"
            f"mkdir -p /run/private; echo {self.secret} > /run/private/index.html; httpd -p '[::]:9999' -h /run/private; echo serving\n")})
        self.bob.push("bob-app")
        self.victim = self.bob.wait_ready("bob-app")
        self.boot_id = platform.get(self.victim["urls"][0] + "boot", deadline=60)
        wait_for(lambda: self.secret in self.bob.ssh("logs", "bob-app/scripted").stdout, "Bob's secret is in his own log", 60)
        self.bob_head = self.bob.head("bob-app")
        self.alice.make_repo("alice-app", "scripted")
        self.alice.push("alice-app")
        self.alice.wait_ready("alice-app")

    def unharmed(self):
        """Bob's side of every case: the same boot answers, the same commit is there, seedd works for both."""
        victim = self.bob.wait_ready("bob-app", deadline=60)
        assert victim["boot"] == self.victim["boot"], "Bob's instance was restarted"
        assert self.platform.get(victim["urls"][0] + "boot", deadline=60) == self.boot_id
        assert self.bob.git("ls-remote", self.bob.url("bob-app"), "refs/heads/main").stdout.startswith(self.bob_head)
        assert self.platform.process.poll() is None, "seedd ended"
        self.alice.ask("status")

    def refused(self, result, *words):
        """It failed with something to read, and told nothing of Bob's."""
        text = result.stdout + result.stderr
        assert result.returncode != 0, f"{result.args} succeeded:\n{text}"
        assert self.secret not in text, f"{result.args} told Bob's secret"
        assert result.stderr.strip() or result.stdout.strip(), f"{result.args} was refused without a word"
        for word in words:
            assert word.lower() in text.lower(), f"'{word}' is not in:\n{text}"
        return text

    def not_deployed(self, result):
        """A push that was taken, but whose deployment failed, telling nothing of Bob's."""
        assert "FAILED" in result.stderr, f"a hostile flake was deployed:\n{result.stderr}"
        assert self.secret not in result.stderr, f"a hostile flake read Bob's secret:\n{result.stderr}"
        return result.stderr

    def hostile_guest(self, script, *, deadline=180, wait=True):
        """Alice's second instance runs the script as root in its machine; returns what it printed."""
        if not self._attackers:
            folder = self.alice.folder("attacker")
            os.makedirs(f"{folder}/bb")
            shutil.copy(f"{BUILD}/bin/tcp_probe", f"{folder}/bb/probe")
            self.alice.make_repo("attacker", "scripted", {"script.sh": script})
        else:
            # The comment makes each attack a new closure, thus a new boot.
            self.alice.change("attacker", {"script.sh": f"# attack {len(self._attackers)}\n{script}"})
        self._attackers.add(len(self._attackers))
        self.alice.push("attacker")
        url = self.alice.instance("attacker")["urls"][0]
        if not wait:
            return url

        def result():
            text = self.platform.get(url + "result.txt")
            return text if text.rstrip().endswith("END") else None
        return wait_for(result, "the hostile guest has done its work", deadline, pause=0.5)

    def hostile_flake(self, flake, name="hostile-flake"):
        """Alice pushes a flake.nix; the finished push; see not_deployed."""
        if not os.path.exists(self.alice.folder(name)):
            self.alice.make_repo(name, "scripted", {"flake.nix": flake})
        else:
            self.alice.change(name, {"flake.nix": flake, "mark": f"{time.time_ns()}\n"})
        return self.alice.push(name, check=False)
