"""A real platform for tests: seedd with everything it starts, in a directory of its own, gone without a trace afterwards.

    with Platform() as platform:
        alice = Person(platform, "alice")
        alice.make_repo("app", "hello")
        alice.push("app")
        print(platform.get(alice.instance("app")["urls"][0]))

When the test dies, even by SIGKILL, a watchdog removes the processes, control groups, mounts and files (leftovers.py).
"""
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import leftovers

SOURCE = os.environ.get("SEED_SOURCE") or os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.environ.get("SEED_BUILD") or os.path.join(SOURCE, "build")


# What --embedded stands for (core/config, embedded()), as a file.
EMBEDDED = """
platform: {{ domain: seed.localhost, silo: silo.seed.localhost, state: "{state}" }}
listen: {{ ssh: "127.0.0.1:{ssh}", http: "127.0.0.1:{http}" }}
admission: open
providers:
  runtime: {{ plugin: runtime-qemu, config: {{ loopback_ports: "20000-29999" }} }}
  dns: {{ plugin: dns-powerdns, config: {{ managed: true }} }}
  git: {{ plugin: git-silo }}
  storage: {{ plugin: storage-localpath }}
"""
PUBLISHING = """
platform: {{ domain: seed.test, silo: silo.seed.test, state: "{state}", flake: "{flake}" }}
listen: {{ ssh: "127.0.0.1:0", http: "127.0.0.1:0" }}
admission: open
{builder}
providers:
  runtime: {{ plugin: runtime-qemu, config: {{ loopback_ports: "20000-29999" }} }}
  dns: {{ plugin: dns-powerdns, config: {{ managed: true, listen: "127.0.0.1:0" }} }}
  git: {{ plugin: git-silo }}
  storage: {{ plugin: storage-localpath }}
"""


def skip(reason):
    """Ends the test as "cannot run here" (ctest's SKIP_RETURN_CODE)."""
    print(f"skipped: {reason}")
    sys.exit(77)


def needs(*, root=False, programs=()):
    if root and os.geteuid() != 0:
        skip("needs root")
    for program in programs:
        path = program if os.path.isabs(program) else shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if not path or not os.path.exists(path):
            skip(f"needs {program}")


def wait_for(condition, what, deadline=60.0, pause=0.05):
    """The first true value of condition(); a condition that raises is "not yet", and its last words are told at the deadline."""
    end, trouble = time.monotonic() + deadline, ""
    while True:
        try:
            value = condition()
            if value:
                return value
        except Exception as error:
            trouble = f" ({type(error).__name__}: {error})"
        if time.monotonic() > end:
            raise AssertionError(f"after {deadline:g} s still not: {what() if callable(what) else what}{trouble}")
        time.sleep(pause)


class Platform:
    def __init__(self, *options, directory=None, config=None, settings=None, start=True):
        """`settings`: YAML for the configuration file, "limits: {ready_seconds: 20}"; all else is as with --embedded."""
        needs(programs=[f"{BUILD}/bin/seedd", "git", "ssh", "nix", "qemu-system-x86_64"])
        self.directory = directory or tempfile.mkdtemp(prefix="seed-test-", dir="/tmp")
        os.chmod(self.directory, 0o755)
        self.state = f"{self.directory}/state"
        self.log_file = f"{self.directory}/seedd.log"
        self.options, self.config = list(options), config
        self.settings = settings
        self.process, self.ready, self.owner = None, {}, None
        self.stop_instances = True   # False: seedd leaves them running when it ends, as a service does
        self._watchdog = leftovers.watch(self.directory)
        if start:
            try:
                self.start()
            except BaseException:
                self.destroy()
                raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(f"--- the end of seedd's log\n{self.log()[-6000:]}", file=sys.stderr)
            self.destroy()
        else:
            self.close()

    def publish(self, flake, builder=None):
        """Before start(): it publishes the folder `flake` as its repository `seed`.  `builder`: YAML of that section, indented."""
        self.config = f"{self.directory}/seed.yaml"
        with open(self.config, "w") as file:
            file.write(PUBLISHING.format(state=self.state, flake=flake, builder=f"builder:\n{builder}" if builder else ""))

    # Starting and stopping -------------------------------------------------------------------------------------------------------
    def start(self, deadline=180):
        command = [f"{BUILD}/bin/seedd"]
        if self.settings is not None:
            self.config = f"{self.directory}/seed.yaml"
            with open(self.config, "w") as file:
                file.write(EMBEDDED.format(state=self.state, ssh=self.ready.get("ssh", ":0").rsplit(":", 1)[1],
                                           http=self.ready.get("http", ":0").rsplit(":", 1)[1]) + self.settings + "\n")
        command += ["--config", self.config] if self.config else [
            "--embedded", self.state, "--ssh-port", self.ready.get("ssh", ":0").rsplit(":", 1)[1],
            "--http-port", self.ready.get("http", ":0").rsplit(":", 1)[1]]
        environment = {**os.environ, "SEED_TEST": self.directory}
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(command + ["--stop-instances"] * self.stop_instances + self.options, stdin=subprocess.DEVNULL, cwd=self.directory,
                                            stdout=subprocess.PIPE, stderr=log, env=environment, start_new_session=True)
        self._await_ready(deadline)

    def _await_ready(self, deadline):
        lines, process = [], self.process

        def read():
            for line in process.stdout:
                lines.append(line.decode(errors="replace").strip())

        threading.Thread(target=read, daemon=True).start()

        def has_said_ready():
            if not any(line.startswith("ready ") for line in lines) and process.poll() is not None:
                return "dead"
            return next((line for line in lines if line.startswith("ready ")), None)

        line = wait_for(has_said_ready, "seedd says ready", deadline)
        if line == "dead":
            raise AssertionError(f"seedd ended with {process.returncode} before it was ready:\n{self.log()[-4000:]}")
        self.ready = dict(word.split("=", 1) for word in line.split()[1:])
        self.owner = leftovers.platform_id(self.directory)

    @property
    def ssh_port(self):
        return int(self.ready["ssh"].rsplit(":", 1)[1])

    @property
    def http_url(self):
        return f"http://{self.ready['http']}"

    @property
    def domain(self):
        return self.ready["domain"]

    def kill(self):
        """What a crash does to seedd: instances stay."""
        self.process.kill()
        self.process.wait()

    def stop(self, deadline=180):
        """As Ctrl-C does: seedd, its instances and helpers end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(deadline)
            except subprocess.TimeoutExpired:
                raise AssertionError(f"seedd does not stop:\n{self.log()[-4000:]}") from None
        return self.process.returncode

    def close(self):
        """Stops and insists that nothing at all is left."""
        try:
            status = self.stop()
            wait_for(lambda: not self.left(), "nothing is left after the stop", 30)
            assert not self.sanitizer_reports(), "\n".join(self.sanitizer_reports())
            assert status == 0, f"seedd ended with status {status}:\n{self.log()[-4000:]}"
        except AssertionError as error:
            raise AssertionError(f"{error}\nleft behind: {self.left()}") from None
        finally:
            self.destroy()

    def destroy(self):
        leftovers.remove_all(self.directory, self.owner)
        if not os.environ.get("SEED_KEEP"):
            leftovers.remove_tree(self.directory)
        if self._watchdog is not None:
            os.close(self._watchdog)
            self._watchdog = None

    # Looking at it ---------------------------------------------------------------------------------------------------------------
    def left(self):
        return leftovers.everything(self.directory, self.owner)

    def sanitizer_reports(self):
        """What programs built with a sanitizer said: one that dies of it is started again, and nobody might notice."""
        marks, found = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", ": runtime error: "), []
        for file in [self.log_file, *glob.glob(f"{self.state}/**/*.log", recursive=True)]:
            with open(file, errors="replace") as text:
                lines = text.read().splitlines()
            for number, line in enumerate(lines):
                if any(mark in line for mark in marks):
                    found += lines[number:number + 40]
        return found

    def log(self):
        try:
            with open(self.log_file, errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def processes(self, program=None):
        """[(pid, program name)] of everything this platform runs."""
        found = []
        for pid in sorted(leftovers.processes(self.directory)):
            try:
                name = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
            except OSError:
                continue
            if program is None or name == program:
                found.append((pid, name))
        return found

    @staticmethod
    def get(url, timeout=5, deadline=0):
        """The body of a page; with a deadline it is asked for until it answers 200."""
        def ask():
            with urllib.request.urlopen(url, timeout=timeout) as answer:
                return answer.read().decode(errors="replace")
        return wait_for(ask, f"{url} answers", deadline) if deadline else ask()

    @staticmethod
    def answers(url, timeout=5):
        try:
            Platform.get(url, timeout)
            return True
        except (OSError, urllib.error.URLError):
            return False

    def dig(self, name, kind="AAAA"):
        """The answers of the platform's own DNS server, as lines."""
        host, port = self.ready["dns"].rsplit(":", 1)
        result = subprocess.run(["dig", "+short", "+tries=2", "+time=3", f"@{host.strip('[]')}", "-p", port, name, kind],
                                capture_output=True, text=True, timeout=30)
        return [line for line in result.stdout.splitlines() if line and not line.startswith(";")]
