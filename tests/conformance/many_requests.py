#!/usr/bin/env python3
"""Random requests in number: 10,000 per contract to each plugin that needs no backend, 200 to the others with their real one.

Each number twice: in a process with the plugin, and behind seed-plugin-host, which must end in order.  With SEED_SANITIZE=address
(`./check --asan --nightly`) host and plugin are under AddressSanitizer, and the host looks for leaks at its end.  A failure names seed and request.

    many_requests.py [--share PERCENT] [PLUGIN...]      a smaller number, of these plugins
"""
import argparse
import json
import os
import sys
import time

import plugins_pass

WITHOUT_BACKEND, WITH_BACKEND = 10000, 200
AT_A_TIME = {WITHOUT_BACKEND: 100, WITH_BACKEND: 20}   # per operation; then a fresh state: what a provider remembers grows with each request
CHECKS = ("fuzz.requests", "host.requests")


def ask(plugin, wanted, share, check):
    """`check(options)` as plugins_pass.check does for one plugin."""
    began, sent, seed, number = time.monotonic(), dict.fromkeys(CHECKS, 0), 0, max(1, wanted * share // 100)
    while min(sent.values()) < number:
        seed += 1
        only = "|".join(name.replace(".", "\\.") for name in CHECKS if sent[name] < number)
        _, lines, note = check(["--only", f"^({only})$", "--seed", str(seed), "--requests", str(AT_A_TIME[wanted])])
        if lines is None:
            print(f"{plugin}: not asked, {note}")
            return True
        for verdict in lines:
            if verdict["verdict"] != "pass":
                print(f"{plugin}: {json.dumps(verdict)} with --seed {seed} --requests {AT_A_TIME[wanted]}; {note}")
                return False
            sent[verdict["id"]] += int(verdict["text"].split()[0])
    print(f"{plugin}: {sent['fuzz.requests']} random requests in-process, {sent['host.requests']} in a host, {seed} lives, {time.monotonic() - began:.0f} s", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=int, default=100)
    parser.add_argument("plugins", nargs="*")
    arguments = parser.parse_args()
    good = True
    for plugin, config, program, _ in plugins_pass.PLUGINS:
        if not arguments.plugins or plugin in arguments.plugins:
            wanted = WITHOUT_BACKEND if plugin.startswith("mock-") else WITH_BACKEND
            good = ask(plugin, wanted, arguments.share, lambda options: plugins_pass.check(plugin, config, program, options)) and good
    if not arguments.plugins or "dns-rfc2136" in arguments.plugins:
        good = ask("dns-rfc2136", WITH_BACKEND, arguments.share, plugins_pass.with_knot) and good
    if good and os.environ.get("SEED_SANITIZED") == "address":
        print("no leak, no report of a sanitizer")
    sys.exit(0 if good else 1)


main()
