#!/usr/bin/env python3
"""abi.h described by libabigail is what it was: any difference fails, since abidiff cannot tell a good append from a break.

    tripwire.py            compares with plugin-api/abi/seed-1.abi
    tripwire.py --accept   takes the header of today as the new baseline (ninja abi-accept): after layout.c has its new lines,
                           matrix.py passes, and SEED_ABI_MINOR counts one up, all in the same commit
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BASELINE = f"{HERE}/seed-1.abi"


def describe(work, source=None):
    include = f"-I{source or HERE + '/../include'}"
    subprocess.run(["gcc", "-std=c11", "-g", "-O0", "-fPIC", "-shared", "-fuse-ld=bfd", include, f"{HERE}/probe.c", "-o", f"{work}/probe.so"],
                   check=True)
    out = f"{work}/now.abi"
    subprocess.run(["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--out-file", out, f"{work}/probe.so"], check=True)
    text = open(out).read()
    # Neither where the header lay nor which compiler described it belongs to the ABI.
    text = re.sub(r" (path|comp-dir-path|producer|soname|elf-needed|filepath)='[^']*'", "", text)
    text = re.sub(r"(<abi-instr[^>]*) language='[^']*'", r"\1 language='LANG_C11'", text)
    open(out, "w").write(text)
    return out


def difference(work, source=None):
    now = describe(work, source)
    result = subprocess.run(["abidiff", "--harmless", BASELINE, now], capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def main():
    if not shutil.which("abidw"):
        print("skipped: needs abidw (Debian: abigail-tools)")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as work:
        if "--accept" in sys.argv:
            shutil.copy(describe(work), BASELINE)
            print(f"{os.path.relpath(BASELINE)} describes the header of today; say in the commit what was appended and why")
            return
        code, report = difference(work)
        if code != 0:
            sys.exit(f"{report}\nabi.h has changed.  A break is refused.  An append is accepted by `ninja abi-accept`: docs/plugins/stability.md")
        print("abi.h is what it was")

        # The wire itself is tested: appended, moved and retyped members and a new enumerator all trip it.
        header = open(f"{HERE}/../include/seed/abi.h").read()
        breaks = {
            "a member appended": ("    seed_text state_dir;\n", "    seed_text state_dir;\n    int more;\n"),
            "a member in the middle": ("    int cancel_fd; ", "    int more; int cancel_fd; "),
            "a type changed": ("    uint32_t fd_count;", "    int32_t fd_count;"),
            "an enumerator added": ("    SEED_INTERNAL = 10 ", "    SEED_INTERNAL = 10, SEED_MORE = 11 "),
            "a member removed": ("    const char *summary; ", "    /* gone */ "),
        }
        for what, (before, after) in breaks.items():
            assert before in header, f"the tripwire's own test is out of date: {before}"
            os.makedirs(f"{work}/changed/seed", exist_ok=True)
            open(f"{work}/changed/seed/abi.h", "w").write(header.replace(before, after))
            code, _ = difference(work, f"{work}/changed")
            assert code != 0, f"{what} was not noticed"
            print(f"{what}: noticed")


main()
