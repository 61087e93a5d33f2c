#!/usr/bin/env python3
"""Every program that is installed has a manual page: it is found, formatted without a complaint, and tells every option that --help tells."""
import glob
import os
import re
import shutil
import subprocess
import sys

BUILD, SOURCE = os.environ["SEED_BUILD"], os.environ["SEED_SOURCE"]
# Those of packaging/CMakeLists.txt and of the SDK; the guest's first program is in the image.
with open(f"{SOURCE}/packaging/CMakeLists.txt") as file:
    PROGRAMS = set(re.search(r"set\(programs ([^)]*)\)", file.read())[1].split()) | {"seed-plugin-check", "seed-guest"}
FAKES = {os.path.basename(path)[:-3]: path for path in glob.glob(f"{SOURCE}/plugin-api/fakes/fake_*.py")}
TOLD_BY_HELP = {"seed-plugin-check": f"{BUILD}/bin/seed-plugin-check", "seedd": f"{BUILD}/bin/seedd", "seed-front": f"{BUILD}/bin/seed-front", **FAKES}   # the others have no --help


def options_of(program):
    text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text.split("options:", 1)[-1] if program.endswith(".py") else text))


def main():
    pages = {os.path.basename(path)[:-2]: path for path in glob.glob(f"{SOURCE}/docs/man/*.[18]")}
    missing = (PROGRAMS | set(FAKES)) - set(pages)
    assert not missing, f"without a page: {sorted(missing)}"
    assert not set(pages) - PROGRAMS - set(FAKES), f"pages of nothing: {sorted(set(pages) - PROGRAMS - set(FAKES))}"
    for name, path in sorted(pages.items()):
        with open(path) as file:
            text = file.read()
        assert re.search(rf"^\.TH {name} {path[-1]} ", text, re.M | re.I), f"{path} is called something else"
        assert re.search(rf"^{re.escape(name)} - \S", text.replace("\\-", "-").split(".SH NAME\n", 1)[1], re.M), f"{path}: NAME lacks its line"
        plain = text.replace("\\-", "-").replace("\\fR", "").replace("\\fB", "").replace("\\fI", "")
        if name in TOLD_BY_HELP and os.path.exists(TOLD_BY_HELP[name]):
            untold = {option for option in options_of(TOLD_BY_HELP[name]) if option not in plain}
            assert not untold, f"{path} does not tell {sorted(untold)}"
        if shutil.which("groff"):
            said = subprocess.run(["groff", "-man", "-Tutf8", "-ww", path], capture_output=True, text=True)
            assert said.returncode == 0 and not said.stderr, f"{path}: {said.stderr}"
    print(f"{len(pages)} pages")


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(str(error))
