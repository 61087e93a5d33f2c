#!/usr/bin/env python3
"""./quickstart --once proves the whole path and leaves no process, the second run too; a kill in the middle leaves none either."""
import os
import shutil
import signal
import subprocess
import tempfile

import leftovers
from seed_platform import BUILD, SOURCE, needs, wait_for

needs(programs=[f"{BUILD}/bin/seedd", "jq", "curl", "ssh-keygen"])
folder = tempfile.mkdtemp(prefix="seed-test-", dir="/tmp")
os.chmod(folder, 0o755)
watchdog = leftovers.watch(folder)
command = [f"{SOURCE}/quickstart", "--no-install", "--build", BUILD, "--dir", f"{folder}/q"]


def gone():
    return not leftovers.everything(folder, leftovers.platform_id(folder))


try:
    for turn in ("first", "second"):
        result = subprocess.run([*command, "--once"], capture_output=True, text=True, timeout=900, stdin=subprocess.DEVNULL)
        assert result.returncode == 0, f"the {turn} run ended with {result.returncode}:\n{result.stderr[-5000:]}"
        for word in ("Stages", "Instance  hello", "Address   fd", "URL       http://127.0.0.1:"):
            assert word in result.stderr, f"'{word}' is not in the {turn} run:\n{result.stderr[-5000:]}"
        wait_for(gone, "nothing is left after a run", 60)

    # Ctrl-C while it runs, and a kill that its traps cannot see.
    for number in (signal.SIGINT, signal.SIGKILL):
        with open(f"{folder}/out", "w") as out:
            process = subprocess.Popen(command, stderr=out, stdout=out, stdin=subprocess.DEVNULL, start_new_session=True,
                                       preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        wait_for(lambda: "Ctrl-C stops everything" in open(f"{folder}/out").read() or process.poll() is not None, "quickstart runs", 600)
        assert process.poll() is None, open(f"{folder}/out").read()[-5000:]
        os.kill(process.pid, number)
        process.wait(300)
        wait_for(gone, f"nothing is left after {number.name}", 180)
finally:
    leftovers.remove_all(folder)
    shutil.rmtree(folder, ignore_errors=True)
    os.close(watchdog)
