#!/usr/bin/env python3
"""Every mock and every plugin of ours passes seed-plugin-check: no check fails.  A warning or a skipped check is printed."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

BUILD, SOURCE = os.environ["SEED_BUILD"], os.environ["SEED_SOURCE"]
IMAGE = {"image": "/nonexistent/closure.erofs", "init": "/nix/store/none/init"}   # the mock starts anything

# Plugin, configuration file, what it needs, further options.
PLUGINS = [
    ("mock-dns", {"config": {}}, None, []),
    ("mock-storage", {"config": {}}, None, []),
    ("mock-git", {"config": {}}, None, []),
    ("mock-runtime", {"config": {}, "given": IMAGE}, None, []),
    ("mock-registrar", {"config": {}}, None, []),
    ("mock-acme", {"config": {}}, None, []),
    ("storage-localpath", {"config": {}}, "mkfs.ext4", ["--requests", "30"]),
    ("git-silo", {"config": {}}, "git", ["--requests", "60"]),
    *([("runtime-qemu", {"config": {"prefix6": "fd5e:ed77:1::/48"}}, "qemu-system-x86_64", ["--requests", "10"])] if os.geteuid() == 0 else []),
    # Behind it is what speaks cloud-hypervisor's API (tests/fakes); a device that every host has, because its machines are emulated.
    *([("runtime-clh", {"config": {"prefix6": "fd5e:ed78:1::/48", "cloud_hypervisor": f"{SOURCE}/tests/fakes/fake_cloud_hypervisor", "device": "/dev/null"}},
        "qemu-system-x86_64", ["--requests", "10"])] if os.geteuid() == 0 else []),
    ("dns-powerdns", {"config": {"managed": True}, "backend": {"url": "@URL@", "api_key": "a-key-of-the-test"}}, "pdns_server", ["--requests", "10", "--jobs", "3"]),
]


def with_knot(options=("--requests", "10")):
    """dns-rfc2136 against a real server; the faults of its backend too."""
    from knot_server import KnotServer
    if not shutil.which("knotd", path="/usr/sbin:/usr/bin"):
        return "dns-rfc2136", None, "needs knotd"
    with KnotServer("kit.test") as knot:
        backend = {**knot.configuration(), "server": "@HOST@:@PORT@"}
        script = f"{knot.folder}/reset"   # every check finds the zone as it was
        with open(script, "w") as file:
            file.write(f"#!/usr/bin/python3\nimport subprocess\nsubprocess.run(['nsupdate', '-v', '-y', 'hmac-sha256:{knot.key_name}:{knot.secret}'], check=True, text=True, "
                       f"input='server 127.0.0.1 {knot.port}\\nzone kit.test\\n' + ''.join(f'update delete {{name}}.kit.test\\n' for name in "
                       "['web', 'new', 'absent', 'never'] + [x + y + z for x in 'abc' for y in 'abc' for z in 'abc']) + 'send\\n')\n")
        os.chmod(script, 0o755)
        return check("dns-rfc2136", {"config": knot.configuration(), "backend": backend, "reset": [script]}, None, options)


def check(plugin, config, program, options):
    path = f"{BUILD}/plugins/{plugin}.so"
    search = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    if not os.path.exists(path):
        return plugin, None, "is not built"
    if program and not shutil.which(program, path=search):
        return plugin, None, f"needs {program}"
    with tempfile.TemporaryDirectory(prefix="seed-pass-") as work:
        with open(f"{work}/config.json", "w") as file:
            json.dump(config, file)
        result = subprocess.run([f"{BUILD}/bin/seed-plugin-check", path, "--json", "--config", f"{work}/config.json", *options],
                                capture_output=True, text=True, env={**os.environ, "PATH": search})
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    if not lines:
        return plugin, [{"id": "run", "verdict": "fail", "text": result.stderr}], ""
    return plugin, lines, result.stderr


def main():
    bad = 0
    with ThreadPoolExecutor(3) as pool:
        chosen = [lambda entry=entry: check(*entry) for entry in PLUGINS if not sys.argv[1:] or entry[0] in sys.argv[1:]]
        if not sys.argv[1:] or "dns-rfc2136" in sys.argv[1:]:
            chosen.append(with_knot)
        for plugin, lines, note in pool.map(lambda one: one(), chosen):
            if lines is None:
                print(f"{plugin}: not checked, {note}")
                continue
            count = {verdict: sum(line["verdict"] == verdict for line in lines) for verdict in ("pass", "warn", "skip", "fail")}
            print(f"{plugin}: {count}, {sum(line.get('took_ms', 0) for line in lines)} ms")
            for line in lines:
                if line["verdict"] in ("warn", "fail"):
                    print(f"  {line['verdict']} {line['id']}: {line.get('text')}")
            bad += count["fail"]
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
