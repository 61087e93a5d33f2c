#!/usr/bin/env python3
"""next.py HEADER > HEADER: the header as a 1.1 could be, one member appended to each struct that may grow, one enumerator added.

Made from the header of today, so that the pairs of matrix.py differ for ever, whatever is appended later.
"""
import re
import sys

MEMBERS = {
    "seed_call": "uint64_t next_member;",
    "seed_host": "int32_t (*next_member)(const struct seed_host *);",
    "seed_provider": "int32_t (*next_member)(void);",
}


def next_version(text):
    text, found = re.subn(r"(SEED_INTERNAL = \d+)", r"\1, SEED_NEXT = 99", text)
    done = ["SEED_NEXT"] if found else []
    for struct in re.findall(r"^} (\w+);", text, re.M):
        member = MEMBERS.get(struct) or ("seed_op next_member;" if struct.endswith("_v0") else None)
        if member:
            text = re.sub(rf"^}} {struct};", f"    {member}\n}} {struct};", text, flags=re.M)
            done.append(struct)
    return text + "\n#define SEED_IS_NEXT 1\n", done


if __name__ == "__main__":
    source = open(sys.argv[1]).read()
    changed, done = next_version(source)
    if not done:
        sys.exit(f"next.py: found nothing to append to in {sys.argv[1]}")
    sys.stdout.write(changed)
