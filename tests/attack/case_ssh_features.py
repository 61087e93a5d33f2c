"""SFTP, other subsystems, forwarding of ports, agents and X11 are refused; a key is needed."""
import socket
import subprocess

from seed_platform import wait_for


def run(world):
    alice = world.alice
    sftp = alice.run(["sftp", *alice.ssh_options(), "-P", str(world.platform.ssh_port), "anyone@127.0.0.1"], input="ls /\n", check=False, timeout=60)
    assert sftp.returncode != 0 and "passwd" not in sftp.stdout, sftp
    for subsystem in ("netconf", "x" * 3000, "../../bin/sh"):
        assert alice.run(alice.ssh_command(subsystem, options=["-s"]), check=False, timeout=60).returncode != 0

    # A local forward: the client listens, the platform must refuse to connect anywhere.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    target = world.platform.ready["http"]
    client = subprocess.Popen(alice.ssh_command("logs", "-f", "alice-app/scripted", options=["-L", f"{port}:{target}"]), env=alice.environment(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        connection = wait_for(lambda: socket.create_connection(("127.0.0.1", port), 5), "the client listens", 60)
        connection.settimeout(20)
        connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        try:
            assert connection.recv(100) == b"", "a port was forwarded"
        except ConnectionError:
            pass
    finally:
        client.kill()
        client.wait()
    # A remote forward fails outright when the client insists.
    remote = alice.run(alice.ssh_command("status", options=["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22"]), check=False, timeout=60)
    assert remote.returncode == 255, remote
    jump = alice.run(["ssh", *alice.ssh_options(), "-p", str(world.platform.ssh_port), "-W", target, "anyone@127.0.0.1"], check=False, timeout=60)
    assert jump.returncode != 0 and "HTTP" not in jump.stdout

    password = alice.run(["ssh", "-F", "none", "-o", "PubkeyAuthentication=no", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
                          "UserKnownHostsFile=/dev/null", "-p", str(world.platform.ssh_port), "bob@127.0.0.1", "status"], check=False, timeout=60)
    assert password.returncode == 255, password
