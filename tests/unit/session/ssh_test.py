#!/usr/bin/env python3
"""seed-session and git-silo with the real OpenSSH client and git; seedd is a double (front_double.cpp)."""
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BUILD = os.environ.get("SEED_BUILD", "build")
SOFTWARE_KEY = os.path.abspath(f"{BUILD}/bin/software_key.so")   # a security key without the key
PATIENCE = float(os.environ.get("SEED_TEST_PATIENCE", "120"))   # seconds for anything that must happen


def run(arguments, check=True, **options):
    result = subprocess.run(arguments, capture_output=True, timeout=PATIENCE, **options)
    if check and result.returncode != 0:
        raise AssertionError(f"{arguments}: {result.returncode}: {result.stderr.decode(errors='replace')}")
    return result


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited in vain: {what}")


class Bed:
    """A directory with keys, and the double running in it."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="seed-ssh-")
        os.chmod(self.root, 0o755)
        for name, kind in (("host", ["-t", "ed25519"]), ("me", ["-t", "ed25519"]), ("rsa", ["-t", "rsa", "-b", "2048"]),
                           ("weak", ["-t", "rsa", "-b", "1024"]), ("ecdsa256", ["-t", "ecdsa", "-b", "256"]),
                           ("ecdsa384", ["-t", "ecdsa", "-b", "384"]), ("ecdsa521", ["-t", "ecdsa", "-b", "521"]),
                           ("sk", ["-t", "ed25519-sk", "-w", SOFTWARE_KEY]), ("sk_ecdsa", ["-t", "ecdsa-sk", "-w", SOFTWARE_KEY])):
            run(["ssh-keygen", "-q", "-N", "", "-f", self.path(name), *kind])
        os.mkdir(self.path("state"), 0o700)
        bin_dir = os.path.join(BUILD, "bin")
        self.errors = open(self.path("errors"), "w")
        self.process = subprocess.Popen(
            [f"{bin_dir}/front_double", self.path("state"), self.path("host"), f"{bin_dir}/seed-session", f"{bin_dir}/seed-hook"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.port = int(self.process.stdout.readline())
        self.events, self.new = [], threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()
        self.env = {"PATH": os.environ["PATH"], "HOME": self.root, "GIT_CONFIG_NOSYSTEM": "1", "GIT_SSH_COMMAND": " ".join(self.ssh_base()),
                    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}

    def _collect(self):
        for line in self.process.stdout:
            with self.new:
                self.events.append(json.loads(line))
                self.new.notify_all()

    def event(self, kind, after=0):
        def find():
            return next((e for e in self.events[after:] if e["event"] == kind), None)
        with self.new:
            if not self.new.wait_for(find, PATIENCE):
                raise AssertionError(f"no event {kind}: {self.events[after:]}")
            return find()

    def path(self, name):
        return os.path.join(self.root, name)

    def ssh_base(self, key="me"):
        return ["ssh", "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "IdentityAgent=none", "-i", self.path(key)]

    def ssh(self, *command, key="me", options=(), user="anyone", check=False, **rest):
        return run([*self.ssh_base(key), *options, "-p", str(self.port), f"{user}@127.0.0.1", *command], check=check, **rest)

    def url(self, name):
        return f"ssh://127.0.0.1:{self.port}/{name}"

    def git(self, *arguments, check=True, **rest):
        return run(["git", *arguments], check=check, env={**self.env, **rest.pop("env", {})}, **rest)

    def work_tree(self, name, content=b"hello\n"):
        path = self.path(name)
        self.git("init", "-q", "-b", "main", path)
        with open(os.path.join(path, "file"), "wb") as file:
            file.write(content)
        self.git("-C", path, "add", ".")
        self.git("-C", path, "commit", "-q", "-m", "one")
        return path

    def end(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        shutil.rmtree(self.root, ignore_errors=True)


bed = None


def setUpModule():
    global bed
    bed = Bed()


def tearDownModule():
    bed.end()


def processes_of(pid):
    """The command lines of all below `pid`."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
                if fields[0] != "Z":
                    children.setdefault(int(fields[1]), []).append(int(entry))
            except OSError:
                pass
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


class Login(unittest.TestCase):
    def test_any_key_of_a_good_kind_logs_in_with_any_user_name(self):
        for key in ("me", "rsa", "ecdsa256", "ecdsa384", "ecdsa521", "sk", "sk_ecdsa"):
            result = bed.ssh("whoami", key=key, user="root", options=["-o", f"SecurityKeyProvider={SOFTWARE_KEY}"])
            self.assertEqual(result.returncode, 0, result.stderr)
            with open(bed.path(key + ".pub")) as file:
                public = " ".join(file.read().split()[:2])
            self.assertIn(public, result.stdout.decode())

    def test_the_fingerprint_is_the_one_that_ssh_keygen_shows(self):
        before = len(bed.events)
        bed.ssh("whoami")
        shown = run(["ssh-keygen", "-l", "-f", bed.path("me.pub")]).stdout.decode().split()[1]
        self.assertEqual(bed.event("hello", before)["fingerprint"], shown)

    def test_a_short_rsa_key_is_refused(self):
        self.assertEqual(bed.ssh("whoami", key="weak", options=["-o", "RSAMinSize=1024"]).returncode, 255)

    def test_both_sha2_signatures_of_an_rsa_key_are_taken(self):
        for algorithm in ("rsa-sha2-256", "rsa-sha2-512"):
            result = bed.ssh("whoami", key="rsa", options=["-v", "-o", "LogLevel=DEBUG1", "-o", f"PubkeyAcceptedAlgorithms={algorithm}"])
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_sha1_signature_is_refused(self):
        self.assertEqual(bed.ssh("whoami", key="rsa", options=["-o", "PubkeyAcceptedAlgorithms=ssh-rsa"]).returncode, 255)

    def test_without_a_key_nobody_comes_in(self):
        result = bed.ssh("whoami", options=["-o", "PubkeyAuthentication=no"])
        self.assertEqual(result.returncode, 255)


class Shell(unittest.TestCase):
    def test_status_is_an_aligned_table(self):
        text = bed.ssh("status").stdout.decode()
        self.assertIn("  NAME  STATE  UPTIME  ADDRESS  URL\n  web   ready  1 min   fd00::1  http://web.example\n", text)

    def test_json_is_one_object(self):
        self.assertEqual(json.loads(bed.ssh("status", "--json").stdout)["flakes"][0]["repository"], "app")

    def test_logs_are_shown_without_control_characters(self):
        lines = bed.ssh("logs", "web", "-n", "3").stdout.decode().splitlines()
        self.assertEqual(lines, [f"1970-01-01T00:00:0{i}.000Z  line {i}?[0m" for i in range(3)])

    def test_logs_as_json_lines(self):
        lines = bed.ssh("logs", "--json", "--lines", "2", "web").stdout.decode().splitlines()
        self.assertEqual([json.loads(line)["time_ms"] for line in lines], [0, 1000])

    def test_many_log_lines_arrive_complete_and_in_order(self):
        lines = bed.ssh("logs", "web", "-n", "50000").stdout.decode().splitlines()
        self.assertEqual(len(lines), 50000)
        self.assertTrue(lines[-1].endswith("line 49999?[0m"))

    def test_an_unknown_command_names_the_nearest_one(self):
        result = bed.ssh("statsu")
        self.assertEqual((result.returncode, result.stderr.decode()), (2, "there is no command 'statsu'; did you mean 'status'?\n"))

    def test_exit_statuses_say_what_happened(self):
        result = bed.ssh("restart", "web")
        self.assertEqual((result.returncode, result.stderr.decode()), (3, "restart: there is no instance 'web'\n"))
        self.assertEqual(bed.ssh("status", "--nonsense").returncode, 2)
        self.assertEqual(bed.ssh("help", "logs").returncode, 0)

    def test_no_command_is_explained(self):
        result = bed.ssh()
        self.assertEqual((result.returncode, result.stderr.count(b"\n")), (1, 1))
        result = bed.ssh(options=["-tt"])
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"\r\n", result.stdout)
        self.assertIn(b"help", result.stdout)

    def test_shell_characters_mean_nothing(self):
        result = bed.ssh("whoami; touch /tmp/x")
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"whoami;", result.stderr)

    def test_archives_subsystems_and_forwarding_are_refused(self):
        for command, why in (("git-upload-archive 'app'", b"git clone --depth 1"), ("git-lfs-authenticate app.git upload", b"Git LFS is not offered here"),
                             ("git-lfs-transfer app.git download", b"Git LFS is not offered here")):
            result = bed.ssh(command)
            self.assertEqual((result.returncode, result.stderr.count(b"\n")), (1, 1))
            self.assertIn(why, result.stderr)
        self.assertNotEqual(bed.ssh("sftp", options=["-s"]).returncode, 0)
        result = bed.ssh("whoami", options=["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"])
        self.assertEqual(result.returncode, 255)
        result = bed.ssh("-W", "127.0.0.1:22", options=[], check=False, stdin=subprocess.DEVNULL)
        self.assertNotEqual(result.returncode, 0)

    def test_a_follower_that_leaves_is_noticed(self):
        before = len(bed.events)
        client = subprocess.Popen([*bed.ssh_base(), "-p", str(bed.port), "127.0.0.1", "logs", "-f", "-n", "5", "web"], stdout=subprocess.PIPE)
        for _ in range(5):
            client.stdout.readline()
        client.kill()
        client.wait()
        client.stdout.close()
        self.assertEqual(bed.event("session-end", before)["code"], 0)

    def test_control_c_on_a_terminal_ends_only_the_command(self):
        client = subprocess.Popen([*bed.ssh_base(), "-tt", "-p", str(bed.port), "127.0.0.1", "logs", "-f", "-n", "1", "web"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        client.stdout.readline()
        client.stdin.write(b"\x03")
        client.stdin.flush()
        self.assertEqual(client.wait(PATIENCE), 130)
        client.stdin.close()
        client.stdout.close()


class Git(unittest.TestCase):
    def test_push_then_clone_gives_the_same_commit_and_the_report_is_shown(self):
        tree = bed.work_tree("roundtrip")
        before = len(bed.events)
        push = bed.git("-C", tree, "push", "-o", "nowait", bed.url("roundtrip.git"), "main")
        self.assertIn("remote: received by the platform", push.stderr.decode())
        self.assertIn("remote: ?[31mdeployed", push.stderr.decode())
        updated = bed.event("item", before)["item"]["updated"]
        self.assertEqual(updated["default_branch"], "refs/heads/main")
        self.assertEqual(updated["push_options"], ["nowait"])
        head = bed.git("-C", tree, "rev-parse", "HEAD").stdout.decode().strip()
        self.assertEqual(updated["updates"], [{"ref": "refs/heads/main", "old_commit": "0" * 40, "new_commit": head}])
        for version in "012":
            clone = bed.path("roundtrip-clone" + version)
            bed.git("-c", f"protocol.version={version}", "clone", "-q", bed.url("roundtrip"), clone)
            self.assertEqual(bed.git("-C", clone, "rev-parse", "HEAD").stdout.decode().strip(), head)

    def test_push_options_arrive_in_order_and_are_bounded(self):
        tree = bed.work_tree("options")
        before = len(bed.events)
        given = ["plan", "wait=30", "a b;$(id) 'c'", "größe", "plan"]
        bed.git("-C", tree, "push", "-q", *(word for one in given for word in ("-o", one)), bed.url("options"), "main")
        self.assertEqual(bed.event("item", before)["item"]["updated"]["push_options"], given)
        before = len(bed.events)
        bed.git("-C", tree, "commit", "-q", "--allow-empty", "-m", "two")
        for options, why in ((["x"] * 65, "at most 64 options"), (["x" * 1025], "longer than 1024"), (["a\tb"], "not one line of plain text"),
                             (["x" * 1000] * 20, "16384 bytes together")):
            refused = bed.git("-C", tree, "push", *(word for one in options for word in ("-o", one)), bed.url("options"), "main", check=False)
            self.assertIn(why, refused.stderr.decode())
            self.assertNotEqual(refused.returncode, 0)
        self.assertFalse([e for e in bed.events[before:] if e["event"] == "item" and "updated" in e["item"]])

    def test_version_two_of_the_protocol_is_spoken(self):
        tree = bed.work_tree("version2")
        bed.git("-C", tree, "push", "-q", bed.url("version2"), "main")
        trace = bed.git("ls-remote", bed.url("version2"), env={"GIT_TRACE_PACKET": "1"}).stderr.decode()
        self.assertIn("version 2", trace)

    def test_a_shallow_clone(self):
        tree = bed.work_tree("shallow")
        for i in range(5):
            bed.git("-C", tree, "commit", "-q", "--allow-empty", "-m", str(i))
        bed.git("-C", tree, "push", "-q", bed.url("shallow"), "main")
        clone = bed.path("shallow-clone")
        bed.git("clone", "-q", "--depth", "2", bed.url("shallow"), clone)
        self.assertEqual(bed.git("-C", clone, "rev-list", "--count", "HEAD").stdout.strip(), b"2")
        bed.git("-C", clone, "fetch", "-q", "--unshallow")
        self.assertEqual(bed.git("-C", clone, "rev-list", "--count", "HEAD").stdout.strip(), b"6")

    def test_a_partial_clone_fetches_what_it_needs_later(self):
        tree = bed.work_tree("partial", os.urandom(300000))
        bed.git("-C", tree, "push", "-q", bed.url("partial"), "main")
        for number, kind in enumerate(("blob:none", "blob:limit=1k", "tree:0")):
            clone = bed.path(f"partial-clone{number}")
            bed.git("clone", "-q", "--no-checkout", f"--filter={kind}", bed.url("partial"), clone)
            missing = bed.git("-C", clone, "rev-list", "--objects", "--missing=print", "HEAD").stdout
            self.assertIn(b"\n?", missing, kind)
            bed.git("-C", clone, "checkout", "-q", "main")
            with open(f"{clone}/file", "rb") as ours, open(f"{tree}/file", "rb") as theirs:
                self.assertEqual(ours.read(), theirs.read())

    def test_filters_that_cost_too_much_are_refused(self):
        tree = bed.work_tree("filters")
        bed.git("-C", tree, "push", "-q", bed.url("filters"), "main")
        for number, kind in enumerate(("sparse:oid=main:file", "combine:blob:none+tree:0", "tree:1000")):
            refused = bed.git("clone", "-q", "--bare", f"--filter={kind}", bed.url("filters"), bed.path(f"filters{number}"), check=False)
            self.assertNotEqual(refused.returncode, 0, kind)

    def test_many_clients_at_once_push_to_their_branches(self):
        tree = bed.work_tree("crowd")
        bed.git("-C", tree, "push", "-q", bed.url("crowd"), "main")
        pushes = [subprocess.Popen(["git", "-C", tree, "push", "-q", bed.url("crowd"), f"main:refs/heads/b{i}"], env=bed.env, stderr=subprocess.PIPE) for i in range(12)]
        told = [push.communicate(timeout=PATIENCE)[1] for push in pushes]
        self.assertEqual([push.returncode for push in pushes], [0] * 12, told)
        self.assertEqual(bed.git("ls-remote", "--heads", bed.url("crowd")).stdout.count(b"\n"), 13)

    def test_locks_of_a_killed_push_do_not_stop_the_next(self):
        tree = bed.work_tree("locks")
        bed.git("-C", tree, "push", "-q", bed.url("locks"), "main")
        slow_tree = bed.work_tree("locks-big", os.urandom(30 << 20))
        for delay in (0.05, 0.2, 0.5):
            push = subprocess.Popen(["git", "-C", slow_tree, "push", "-q", bed.url("locks"), "main:refs/heads/big"], env=bed.env, stderr=subprocess.PIPE, start_new_session=True)
            time.sleep(delay)   # the moment of death, not a wait
            os.killpg(push.pid, signal.SIGKILL)
            push.communicate()
        wait_for(lambda: not any_git_below(bed.process.pid), "the end of git's processes")
        bed.git("-C", tree, "commit", "-q", "--allow-empty", "-m", "two")
        bed.git("-C", tree, "push", "-q", bed.url("locks"), "main", "HEAD:refs/heads/big2")
        repository = bed.path("state/repositories/locks.git")
        left = [name for folder, folders, files in os.walk(repository) for name in folders + files
                if name.endswith(".lock") or name.startswith(("incoming-", "tmp_objdir"))]
        self.assertEqual(left, [])

    def test_the_first_branch_becomes_the_default_when_there_is_no_main(self):
        tree = bed.work_tree("trunk")
        bed.git("-C", tree, "branch", "-m", "trunk")
        bed.git("-C", tree, "push", "-q", bed.url("trunk"), "trunk")
        result = bed.git("ls-remote", "--symref", bed.url("trunk"), "HEAD").stdout
        self.assertIn(b"ref: refs/heads/trunk", result)
        refused = bed.git("-C", tree, "push", bed.url("trunk"), ":trunk", check=False)
        self.assertNotEqual(refused.returncode, 0)

    def test_refs_beside_branches_and_tags_are_refused(self):
        tree = bed.work_tree("refs")
        before = len(bed.events)
        for ref in ("refs/heads/-dash", "refs/notes/x", "refs/heads/a/-b", "refs/heads/HEAD"):
            result = bed.git("-C", tree, "push", bed.url("refs"), "HEAD:" + ref, check=False)
            self.assertNotEqual(result.returncode, 0, ref)
            self.assertIn("remote: '" + ref + "' is refused", result.stderr.decode())
        self.assertFalse([e for e in bed.events[before:] if e["event"] == "item" and "updated" in e["item"]])
        self.assertEqual(bed.git("ls-remote", bed.url("refs")).stdout, b"")

    def test_too_many_refs_at_once_are_refused(self):
        tree = bed.work_tree("many")
        head = bed.git("-C", tree, "rev-parse", "HEAD").stdout.decode().strip()
        lines = "".join(f"create refs/heads/b{i} {head}\n" for i in range(1001))
        bed.git("-C", tree, "update-ref", "--stdin", input=lines.encode())
        result = bed.git("-C", tree, "push", bed.url("many"), "refs/heads/*", check=False)
        self.assertIn("at most 1000 refs", result.stderr.decode())

    def test_bad_repository_names_are_one_clear_line(self):
        for name in ("../x", "a/../../x", "-x", "A B", ".hidden"):
            result = bed.ssh(f"git-upload-pack '{name}'", stdin=subprocess.DEVNULL)
            self.assertNotEqual(result.returncode, 0, name)
            self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)
        result = bed.ssh("git-upload-pack 'nothing-here'", stdin=subprocess.DEVNULL)
        self.assertEqual((result.returncode, result.stderr), (3, b"there is no repository 'nothing-here'\n"))

    def test_a_file_called_like_a_hook_is_never_run(self):
        tree = bed.work_tree("hooks")
        bed.git("-C", tree, "push", "-q", bed.url("hooks"), "main")
        hooks = bed.path("state/repositories/hooks.git/hooks")
        os.mkdir(hooks)
        mark = bed.path("marked")
        for name in ("pre-receive", "update", "post-receive", "post-update", "reference-transaction"):
            with open(os.path.join(hooks, name), "w") as file:
                file.write(f"#!/bin/sh\ntouch {mark}\n")
            os.chmod(os.path.join(hooks, name), 0o755)
        bed.git("-C", tree, "commit", "-q", "--allow-empty", "-m", "two")
        bed.git("-C", tree, "push", "-q", bed.url("hooks"), "main")
        self.assertFalse(os.path.exists(mark))

    def test_a_pusher_who_leaves_loses_nothing_and_leaves_no_process(self):
        tree = bed.work_tree("slow")
        before = len(bed.events)
        push = subprocess.Popen(["git", "-C", tree, "push", bed.url("slow"), "main"], env=bed.env, stderr=subprocess.PIPE, start_new_session=True)
        bed.event("item", before)   # the refs are updated; the report stays open
        os.killpg(push.pid, signal.SIGKILL)
        push.wait()
        push.stderr.close()
        bed.event("git-end", before)
        bed.event("session-end", before)
        wait_for(lambda: not any_git_below(bed.process.pid), "the end of git's processes")
        head = bed.git("-C", tree, "rev-parse", "HEAD").stdout
        self.assertTrue(bed.git("ls-remote", bed.url("slow"), "main").stdout.startswith(head.strip()))

    def test_fifty_megabytes_arrive_unchanged_both_ways(self):
        tree = bed.work_tree("big", os.urandom(50 << 20))
        bed.git("-C", tree, "-c", "core.compression=0", "push", "-q", bed.url("big"), "main")
        clone = bed.path("big-clone")
        bed.git("clone", "-q", bed.url("big"), clone)
        with open(os.path.join(tree, "file"), "rb") as a, open(os.path.join(clone, "file"), "rb") as b:
            self.assertTrue(a.read() == b.read())

    def test_a_client_that_does_not_read_costs_no_memory(self):
        tree = bed.work_tree("stalled", os.urandom(30 << 20))
        bed.git("-C", tree, "-c", "core.compression=0", "push", "-q", bed.url("stalled"), "main")
        head = bed.git("-C", tree, "rev-parse", "HEAD").stdout.decode().strip()
        before = len(bed.events)
        client = subprocess.Popen([*bed.ssh_base(), "-p", str(bed.port), "127.0.0.1", "git-upload-pack 'stalled'"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)

        def line(text):
            return f"{len(text) + 5:04x}{text}\n".encode()
        client.stdin.write(line(f"want {head} side-band-64k ofs-delta") + b"0000" + line("done"))
        client.stdin.flush()
        pid = bed.event("session", before)["pid"]

        def memory():
            with open(f"/proc/{pid}/status") as file:
                return int(next(l for l in file if l.startswith("VmRSS")).split()[1])
        # It has come to rest when nothing is written any more.
        def written():
            with open(f"/proc/{pid}/io") as file:
                return file.read()
        last, same = None, 0
        deadline = time.monotonic() + PATIENCE
        while same < 10 and time.monotonic() < deadline:
            now = written()
            same = same + 1 if now == last else 0
            last = now
            time.sleep(0.1)
        used = memory()
        client.kill()
        client.wait()
        client.stdin.close()
        client.stdout.close()
        bed.event("session-end", before)
        if not os.environ.get("SEED_SANITIZED"):
            self.assertLess(used, 40 << 10)


def any_git_below(pid):
    for child in processes_of(pid):
        try:
            with open(f"/proc/{child}/comm") as file:
                if file.read().strip() in ("git", "seed-hook", "pre-receive", "post-receive"):
                    return True
        except OSError:
            pass
    return False


class Connections(unittest.TestCase):
    def test_twenty_sessions_at_once(self):
        tree = bed.work_tree("parallel")
        bed.git("-C", tree, "push", "-q", bed.url("parallel"), "main")
        results = queue.Queue()

        def one(i):
            results.put(bed.git("ls-remote", bed.url("parallel"), check=False).returncode if i % 2 else bed.ssh("whoami").returncode)
        threads = [threading.Thread(target=one, args=(i,)) for i in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([results.get() for _ in threads], [0] * 20)

    def test_several_channels_share_one_connection(self):
        control = bed.path("mux")
        master = subprocess.Popen([*bed.ssh_base(), "-N", "-M", "-S", control, "-p", str(bed.port), "127.0.0.1"])
        wait_for(lambda: os.path.exists(control), "the control socket")
        through = ["ssh", "-S", control, "-p", str(bed.port), "127.0.0.1"]
        follower = subprocess.Popen([*through, "logs", "-f", "-n", "1", "web"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        follower.stdout.readline()
        for _ in range(12):   # more than are allowed at once
            self.assertEqual(run([*through, "whoami"]).returncode, 0)
        held = [subprocess.Popen([*through, "logs", "-f", "-n", "1", "web"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(7)]
        for one in held:
            one.stdout.readline()
        self.assertNotEqual(run([*through, "whoami"], check=False, env={"PATH": os.environ["PATH"], "HOME": bed.root}).returncode, 0)
        for process in (*held, follower, master):
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def test_garbage_ends_its_own_session_only(self):
        for garbage in (b"GET / HTTP/1.0\r\n\r\n", os.urandom(4096), b"SSH-2.0-x\r\n" + os.urandom(4096), b"\0" * 100000, b""):
            before = len(bed.events)
            with socket.create_connection(("127.0.0.1", bed.port)) as connection:
                try:
                    connection.sendall(garbage)
                except OSError:
                    pass   # it hung up first
            bed.event("session-end", before)
        self.assertEqual(bed.ssh("whoami").returncode, 0)

    def test_a_session_holds_no_privilege(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        before = len(bed.events)
        with socket.create_connection(("127.0.0.1", bed.port)):
            pid = bed.event("session", before)["pid"]
            with open(f"/proc/{pid}/status") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            self.assertEqual(status["CapEff"], "0" * 16)
            self.assertEqual(status["Seccomp"], "2")
            self.assertTrue(int(status["Uid"].split()[0]) >= 666000)
        bed.event("session-end", before)


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
