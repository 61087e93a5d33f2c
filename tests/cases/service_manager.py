#!/usr/bin/env python3
"""Under a service manager seedd says when it is ready, alive and stopping, and serves the sockets it is handed: who connects while it
restarts waits and is served."""
import fcntl
import os
import queue
import signal
import socket
import subprocess
import threading
import time

from seed_platform import BUILD, Platform, needs, wait_for

needs(programs=["bash"])
told_so_far = queue.Queue()


def start(*listeners, names, expect="ready", watchdog_ms=400):
    """As systemd starts it: sockets from descriptor 3 on, and where to tell."""
    moves = "; ".join(f"exec {number}<&{listener.fileno()}" for number, listener in enumerate(listeners, 3))
    with open(platform.log_file, "ab") as log:
        platform.process = subprocess.Popen(
            ["bash", "-c", f'{moves}; export LISTEN_PID=$$; exec "$@"', "bash", f"{BUILD}/bin/seedd", "--embedded", platform.state, "--stop-instances"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True, cwd=platform.directory,
            pass_fds=[one.fileno() for one in listeners],
            env={**os.environ, "SEED_TEST": platform.directory, "NOTIFY_SOCKET": f"{platform.directory}/notify", "LISTEN_FDS": str(len(listeners)),
                 "LISTEN_FDNAMES": ":".join(names), "WATCHDOG_USEC": str(watchdog_ms * 1000)})
    if expect == "ready":
        platform._await_ready(180)


def heard(word, deadline=30):
    """What seedd tells until it says so."""
    end = time.monotonic() + deadline
    while True:
        told = told_so_far.get(timeout=max(end - time.monotonic(), 0.01))
        if word in told:
            return told


def listen_on(notify):
    """As systemd does, all the time: who tells waits while nobody listens."""
    def read():
        while True:
            told_so_far.put(notify.recv(4096).decode())
    threading.Thread(target=read, daemon=True).start()


def listener():
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen(16)
    return made


def high(made):
    """The same under a number that is not one of those systemd hands over."""
    copy = socket.socket(fileno=fcntl.fcntl(made.fileno(), fcntl.F_DUPFD, 50))
    made.close()
    return copy


with Platform(start=False) as platform:
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(f"{platform.directory}/notify")
    listen_on(notify)
    ssh, http = high(listener()), high(listener())
    # What cannot be served is said, not ignored.
    other = high(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    for sockets, names, why in (((ssh,), ["web"], "name it ssh or http"), ((other,), ["ssh"], "does not listen"), ((ssh, http), ["ssh", "ssh"], "two sockets")):
        start(*sockets, names=names, expect="refusal")
        wait_for(lambda: platform.process.poll() is not None, "seedd refuses", 30)
        assert platform.process.returncode == 1 and why in platform.log()[-500:], platform.log()[-500:]

    start(ssh, http, names=["ssh", "http"])
    assert "seed.localhost" in heard("READY=1")
    assert platform.ready["ssh"].endswith(f":{ssh.getsockname()[1]}") and platform.ready["http"].endswith(f":{http.getsockname()[1]}")
    for _ in range(3):
        heard("WATCHDOG=1")
    assert '"ok":true' in platform.get(f"{platform.http_url}/health", deadline=20).replace(" ", "")

    # A hanging daemon is silent: that is what the watchdog is for.
    os.kill(platform.process.pid, signal.SIGSTOP)
    try:
        while told_so_far.get(timeout=1.5):
            assert platform.process.poll() is None
    except queue.Empty:
        pass
    os.kill(platform.process.pid, signal.SIGCONT)
    heard("WATCHDOG=1")

    # Away and back: a client that came meanwhile is greeted by the new one.
    platform.process.send_signal(signal.SIGTERM)
    heard("STOPPING=1")
    platform.process.wait(60)
    client = socket.create_connection(ssh.getsockname())
    start(ssh, http, names=["ssh", "http"])
    client.settimeout(30)
    assert client.recv(4) == b"SSH-", "the client that waited is served"
    client.close()
    platform.stop()
