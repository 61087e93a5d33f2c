#!/usr/bin/env python3
"""seed-front alone accepts connections: as a child of seedd it comes again when it dies, and seedd does not notice; as a service of its own
it outlives seedd, and who connects meanwhile waits and is told.  Nobody else gets to seedd by its socket, and nothing that comes through it
is more than a connection."""
import array
import json
import os
import signal
import socket
import struct
import subprocess
import time

from seed_person import Person
from seed_platform import BUILD, Platform, needs, wait_for

needs(root=True, programs=["ss", "setpriv"])
FRONT_UID, NOBODY = 665904, 65534


def listeners(platform):
    """{program} that has the SSH port."""
    said = subprocess.run(["ss", "-Hltnp", f"sport = :{platform.ssh_port}"], capture_output=True, text=True, check=True).stdout
    return said


def only(platform, program):
    found = platform.processes(program)
    assert len(found) == 1, platform.processes()
    return found[0][0]


def status_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def confined(pid):
    """Nothing of root's but what sessions need; files, namespaces and other people's processes are out of reach."""
    status = status_of(pid)
    assert set(status["Uid"].split()) == {str(FRONT_UID)} and set(status["Gid"].split()) == {str(FRONT_UID)} and status["Groups"].strip() == "", status
    wanted = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8    # KILL, SETGID, SETUID, SETPCAP
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapBnd"], 16) == wanted, status
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0 and status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status


def session_of(platform, person):
    """An open connection: (client, pid of its seed-session, its status)."""
    client = subprocess.Popen(person.ssh_command("events", "--follow"), env=person.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    pid = wait_for(lambda: [pid for pid, _ in platform.processes("seed-session")], "a session runs", 60)[0]
    return client, pid


def refused(address, deadline):
    """What a server says that does not serve."""
    with socket.create_connection(address, timeout=deadline) as client:
        client.sendall(b"SSH-2.0-test\r\n")
        said = b""
        while chunk := client.recv(4096):
            said += chunk
    return said


class Channel:
    """Somebody on seedd's socket for seed-front who is not seed-front."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(30)

    def say(self, message, descriptors=()):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self.socket.sendmsg([struct.pack(">I", len(body)) + body], rights)

    def hear(self):
        """A message; None: the channel was closed."""
        try:
            data, rights, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(16 * 4))
        except ConnectionResetError:
            return None
        for _, _, content in rights:
            for fd in array.array("i", content[:len(content) // 4 * 4]):
                os.close(fd)
        return json.loads(data[4:]) if data else None


HELLO = {"hello": {"version": None, "sockets": [], "given": []}}

# A child of seedd --------------------------------------------------------------------------------------------------------------------
with Platform() as platform:
    person = Person(platform, "person")
    seedd, front = platform.process.pid, only(platform, "seed-front")
    HELLO["hello"]["version"] = subprocess.run([f"{BUILD}/bin/seed-front", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    confined(front)
    assert person.ssh("whoami").returncode == 0
    client, session = session_of(platform, person)
    assert status_of(session)["PPid"] == str(front) and int(status_of(session)["CapEff"], 16) == int(status_of(session)["CapBnd"], 16) == 0
    assert 666000 <= int(status_of(session)["Uid"].split()[0]) < 667000

    port = platform.ssh_port
    os.kill(front, signal.SIGKILL)
    wait_for(lambda: platform.processes("seed-front") and only(platform, "seed-front") != front, "another seed-front", 60)
    assert client.wait(60) != 0, "whom it served is gone with it"
    wait_for(lambda: not os.path.exists(f"/proc/{session}"), "so is the session", 60)
    assert person.ssh("whoami").returncode == 0 and platform.ssh_port == port
    assert '"ok":true' in platform.get(f"{platform.http_url}/health", deadline=60).replace(" ", "")
    assert platform.process.poll() is None and platform.process.pid == seedd
    numbers = subprocess.run([f"{BUILD}/bin/seed", "--state", platform.state, "metrics"], capture_output=True, text=True, check=True).stdout
    assert 'seed_processes{program="seed-front"} 1' in numbers, numbers

    # A process of its own service ----------------------------------------------------------------------------------------------------
    assert platform.stop() == 0
    path = f"{platform.state}/front.sock"
    platform.options = ["--front-socket", path]

    def start_front(patience=60):
        with open(platform.log_file, "ab") as log:
            return subprocess.Popen([f"{BUILD}/bin/seed-front", "--core", path, "--patience", str(patience)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    env={**os.environ, "SEED_TEST": platform.directory}, start_new_session=True)

    own = start_front()
    try:
        platform.start()
        confined(own.pid)
        assert only(platform, "seed-front") == own.pid, "seedd starts none"
        assert f"pid={platform.process.pid}," not in listeners(platform) and f"pid={own.pid}," in listeners(platform), listeners(platform)
        assert person.ssh("whoami").returncode == 0
        numbers = subprocess.run([f"{BUILD}/bin/seed", "--state", platform.state, "metrics"], capture_output=True, text=True, check=True).stdout
        assert 'seed_processes{program="seed-front"} 1' in numbers, numbers

        # seedd goes: whom it served is gone, who comes now waits and is served by the next one.
        client, session = session_of(platform, person)
        platform.kill()
        assert client.wait(60) != 0
        wait_for(lambda: not os.path.exists(f"/proc/{session}"), "the session is ended", 60)
        waiting = subprocess.Popen(person.ssh_command("whoami", options=["-o", "ConnectTimeout=120"]), env=person.environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert own.poll() is None
        platform.start()
        assert "SHA256:" in waiting.communicate(timeout=120)[0] and waiting.returncode == 0
        assert platform.ssh_port == port and own.poll() is None
        assert '"ok":true' in platform.get(f"{platform.http_url}/health", deadline=60).replace(" ", "")

        # A second one is refused; the first serves on.
        second = Channel(path)
        second.say(HELLO)
        assert "another seed-front" in second.hear()["refusal"]["why"]
        assert second.hear() is None and person.ssh("whoami").returncode == 0

        # Without anybody in sight for longer than its patience it says so.
        own.send_signal(signal.SIGTERM)
        assert own.wait(30) == 0
        own = start_front(patience=1)
        wait_for(lambda: person.ssh("whoami", check=False).returncode == 0, "it has the sockets and serves", 60)
        platform.kill()
        said = refused(("127.0.0.1", port), 60)
        assert said.startswith(b"SSH-2.0-seed\r\n") and b"being started anew or is stopped; try again in a minute" in said, said
        told = wait_for(lambda: (lambda out: out if out.startswith("503") else None)(subprocess.run(
            ["curl", "-s", "-m", "30", "-o", "/dev/null", "-w", "%{http_code} %header{retry-after}", f"{platform.http_url}/health"],
            capture_output=True, text=True).stdout), "HTTP says 503", 60)
        assert told == "503 30", told
        platform.start()
        assert '"ok":true' in platform.get(f"{platform.http_url}/health", deadline=60).replace(" ", "")

        # Nobody else may connect: the socket belongs to seed-front; and were it open to all, the kernel tells who it is.
        mode = os.stat(path)
        assert (mode.st_uid, mode.st_mode & 0o777) == (FRONT_UID, 0o600), mode
        stranger = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "python3", "-c",
                    f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({path!r}); s.settimeout(20); print(len(s.recv(1)))"]
        said = subprocess.run(stranger, capture_output=True, text=True)
        assert "PermissionError" in said.stderr, said
        os.chmod(path, 0o666)
        assert subprocess.run(stranger, capture_output=True, text=True).stdout == "0\n", "it is just closed"
        wait_for(lambda: f"refusing uid {NOBODY} on the socket of seed-front" in platform.log(), "and the log says so", 30)
        os.chmod(path, 0o600)

        # Who stands in its place gets the sockets and nothing more: whatever is not an arrival ends the channel, and seedd goes on.
        own.kill()
        own.wait()
        ours, theirs = socket.socketpair()
        file = os.open("/dev/null", os.O_RDWR)
        for bad, descriptors in ((b"garbage", ()), (b"\x00" * 5000, ()), ({"arrival": {"kind": "operator", "remote": ""}}, (theirs.fileno(),)),
                                 ({"arrival": {"kind": "session", "remote": "192.0.2.1"}}, ()),
                                 ({"arrival": {"kind": "session", "remote": "192.0.2.1"}}, (file,)),
                                 ({"arrival": {"kind": "http", "remote": ""}}, (theirs.fileno(), theirs.fileno()))):
            def hello():
                impostor = Channel(path)
                impostor.say(HELLO)
                return impostor if "greeting" in (impostor.hear() or {}) else None
            impostor = wait_for(hello, "seedd greets", 30)
            impostor.say(bad, descriptors)
            assert impostor.hear() is None, bad
        # A connection that claims anything is still only one: without a key nothing, and never the operator's.
        impostor = wait_for(hello, "seedd greets", 30)
        impostor.say({"arrival": {"kind": "http", "remote": ""}}, (theirs.fileno(),))
        theirs.close()
        ours.settimeout(30)
        for number, op in enumerate(("status", "collect", "plugins", "git", "metrics"), 1):
            body = json.dumps({"id": number, "op": op, "args": {}}).encode()
            ours.sendall(struct.pack(">I", len(body)) + body)
            answer = json.loads(ours.recv(65536)[4:])
            assert answer["id"] == number and answer["error"]["code"] == "denied", answer
        impostor.socket.close()
        assert platform.process.poll() is None

        own = start_front()
        assert wait_for(lambda: person.ssh("whoami", check=False).returncode == 0, "it serves again", 60)
        assert platform.stop() == 0
    finally:
        own.kill()
        own.wait()
