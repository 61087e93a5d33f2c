#!/usr/bin/env python3
"""Old and new headers, host and plugin: all four pairs work, and the new pair really uses what is new.

"Old" is released/1.0, frozen; "today" is what is built now; "new" is today's header with something appended to everything (next.py).
"""
import hashlib
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from next import next_version  # noqa: E402

HEADERS = {"old": f"{HERE}/released/1.0", "today": f"{HERE}/../include"}
FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1"]

# (host, plugin): what the host prints.
EXPECTED = {
    ("old", "old"): 'reply {"host_next":-1,"call_next":-1}\napply known\nabsent slot unsupported\n',
    ("old", "new"): 'reply {"host_next":0,"call_next":0}\napply internal\nabsent slot unsupported\n',
    ("new", "old"): 'reply {"host_next":-1,"call_next":-1}\napply known\nprovider_next 0\nabsent slot unsupported\n',
    ("new", "new"): 'reply {"host_next":7,"call_next":5}\napply internal\nprovider_next 42\nreply {"slot":"next"}\n'
                    'absent slot unsupported\n',
}
for pair in [("today", "old"), ("old", "today"), ("today", "today")]:
    EXPECTED[pair] = EXPECTED["old", "old"]
EXPECTED["today", "new"] = EXPECTED["old", "new"]
EXPECTED["new", "today"] = EXPECTED["new", "old"]


def frozen_is_untouched():
    for line in open(f"{HERE}/released/1.0/SHA256SUMS"):
        digest, name = line.split()
        content = open(f"{HERE}/released/1.0/{name}", "rb").read()
        assert hashlib.sha256(content).hexdigest() == digest, f"released/1.0/{name} was edited: a released header never changes"


def main():
    frozen_is_untouched()
    with tempfile.TemporaryDirectory() as work:
        HEADERS["new"] = f"{work}/new"
        os.makedirs(f"{work}/new/seed")
        for header in ("abi.h", "dns.h"):
            text, done = next_version(open(f"{HEADERS['today']}/seed/{header}").read())
            assert done, f"nothing was appended to {header}"
            if header == "abi.h":
                assert set(done) == {"SEED_NEXT", "seed_call", "seed_host", "seed_provider"}, done
            open(f"{work}/new/seed/{header}", "w").write(text)
        for version, folder in HEADERS.items():
            include = [f"-I{folder}"]
            subprocess.run(["gcc", *FLAGS, *include, "-fPIC", "-shared", f"{HERE}/matrix_plugin.c", "-o", f"{work}/{version}.so"],
                           check=True)
            subprocess.run(["gcc", *FLAGS, *include, f"{HERE}/matrix_host.c", "-o", f"{work}/{version}-host", "-ldl"], check=True)
        for (host, plugin), expected in EXPECTED.items():
            result = subprocess.run([f"{work}/{host}-host", f"{work}/{plugin}.so"], capture_output=True, text=True)
            assert result.returncode == 0 and result.stdout == expected, (
                f"{host} host with {plugin} plugin: exit {result.returncode} {result.stderr}\n{result.stdout}instead of\n{expected}")
            print(f"{host} host, {plugin} plugin: ok")


main()
