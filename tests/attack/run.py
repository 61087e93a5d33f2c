#!/usr/bin/env python3
"""Runs attacks of one tenant on another, all against one platform.  A case is a file case_*.py here: a docstring that says what must
hold, and run(world); see tests/lib/two_tenants.py for the world.

    run.py                    all
    run.py case_names ...     only these
"""
import glob
import importlib.util
import os
import sys
import time
import traceback

from seed_platform import Platform, needs
from two_tenants import World

needs(root=True)
here = os.path.dirname(os.path.abspath(__file__))
wanted = [name.removesuffix(".py") for name in sys.argv[1:]]
failed = []

with Platform(settings="limits: {pushes_per_minute: 10000}") as platform:   # the limit has its own test: cases.hosting
    world = World(platform)
    for file in sorted(glob.glob(f"{here}/case_*.py")):
        name = os.path.basename(file)[:-3]
        if wanted and name not in wanted:
            continue
        spec = importlib.util.spec_from_file_location(name, file)
        case = importlib.util.module_from_spec(spec)
        began = time.monotonic()
        try:
            spec.loader.exec_module(case)
            case.run(world)
            world.unharmed()
            verdict = "holds "
        except Exception:
            verdict = "BROKEN"
            failed.append(name)
            traceback.print_exc()
        print(f"{verdict} {name}: {(case.__doc__ or '').strip().splitlines()[0]} ({time.monotonic() - began:.1f} s)", flush=True)
    if failed:
        print(f"--- the end of seedd's log\n{platform.log()[-8000:]}", file=sys.stderr)

if failed:
    sys.exit(f"{len(failed)} attacks succeeded: {' '.join(failed)}")
