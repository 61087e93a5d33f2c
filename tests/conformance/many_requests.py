#!/usr/bin/env python3
"""Random requests in number: 10,000 per contract against each plugin that needs no backend, 200 against the others with their real one.

In a build with AddressSanitizer (`./check --asan --nightly`) the plugins are under it too.  A failure names seed and request.
"""
import json
import sys

import plugins_pass

WITHOUT_BACKEND, WITH_BACKEND = 10000, 200
AT_A_TIME = 100   # per operation; then a fresh state: what a provider remembers grows with each request


def ask(plugin, config, program, wanted):
    sent, seed = 0, 1
    while sent < wanted:
        options = ["--only", "^fuzz\\.requests$", "--seed", str(seed), "--requests", str(AT_A_TIME if wanted == WITHOUT_BACKEND else 20)]
        _, lines, note = plugins_pass.check(plugin, config, program, options)
        if lines is None:
            print(f"{plugin}: not asked, {note}")
            return True
        verdict = lines[0]
        if verdict["verdict"] != "pass":
            print(f"{plugin}: {json.dumps(verdict)} with --seed {seed}; {note}")
            return False
        sent, seed = sent + int(verdict["text"].split()[0]), seed + 1
    print(f"{plugin}: {sent} random requests in {seed - 1} lives")
    return True


def main():
    good = True
    for plugin, config, program, _ in plugins_pass.PLUGINS:
        if sys.argv[1:] and plugin not in sys.argv[1:]:
            continue
        good = ask(plugin, config, program, WITHOUT_BACKEND if plugin.startswith("mock-") else WITH_BACKEND) and good
    sys.exit(0 if good else 1)


main()
