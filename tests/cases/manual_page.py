#!/usr/bin/env python3
"""docs/man/seed.1 is what `seed help --man` prints, man understands it, and it tells every command."""
import json
import shutil
import subprocess

from seed_platform import BUILD, SOURCE

printed = subprocess.run([f"{BUILD}/bin/seed", "help", "--man"], capture_output=True, text=True, timeout=60, check=True).stdout
with open(f"{SOURCE}/docs/man/seed.1") as file:
    assert file.read() == printed, "docs/man/seed.1 is old; make it anew: seed help --man > docs/man/seed.1"
listed = subprocess.run([f"{BUILD}/bin/seed", "help", "--json"], capture_output=True, text=True, timeout=60, check=True).stdout
commands = [one["name"] for one in json.loads(listed)["commands"]]
assert len(commands) > 10, commands
missing = [name for name in commands if f'\n.SS "{name}"\n' not in printed]
assert not missing, f"the manual page does not tell {missing}"
if shutil.which("man"):
    shown = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", f"{SOURCE}/docs/man/seed.1"], capture_output=True, text=True,
                           timeout=120, env={"PATH": "/usr/bin:/bin", "MANWIDTH": "120"})
    assert shown.returncode == 0 and not shown.stderr, shown.stderr
