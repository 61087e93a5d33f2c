"""Evaluation and build read nothing of the host and nothing of other tenants."""
import glob
import hashlib
import json
import re


def run(world):
    platform = world.platform
    hidden = f"{platform.directory}/hidden"
    with open(hidden, "w") as file:
        file.write(f"{world.secret}\n")
    bobs = [path for path in glob.glob(f"{platform.state}/**/*", recursive=True) if "bob-app" in path or "script.sh" in path][:4]
    seed = '{ outputs = { self }: { seeds.x = { meta = { name = "x"; size = throw ("lea" + "ked: " + (%s)); }; toplevel = builtins.derivation ' \
           '{ name = "x"; system = "x86_64-linux"; builder = "${builtins.path { path = ./bb; name = "bb"; }}/busybox"; args = [ "sh" "-c" "exit 1" ]; }; }; }; }'
    for path in (hidden, "/etc/passwd", "/etc/shadow", "/proc/self/environ", f"{platform.state}/core/seed.sqlite3", *bobs):
        quoted = json.dumps(path)
        for expression in (f"builtins.readFile {quoted}", f"builtins.readFile (/. + {quoted})", f"builtins.readFile ./../../../../../..{path}",
                           f'builtins.path {{ path = {quoted}; name = "n"; }}', f"builtins.toString (import {quoted})"):
            text = world.not_deployed(world.hostile_flake(seed % expression))
            assert "root:x:0" not in text and "leaked:" not in text, text
    with open("/etc/passwd", "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    for expression in (f'builtins.readFile (builtins.fetchurl {{ url = "file:///etc/passwd"; sha256 = "{digest}"; }})',
                       f'builtins.readFile (builtins.fetchurl {{ url = "http://{platform.ready["http"]}/health"; sha256 = "{digest}"; }})',
                       'builtins.readFile (builtins.fetchGit { url = "ssh://-oProxyCommand=touch%20/tmp/x/x"; rev = "0000000000000000000000000000000000000000"; })',
                       f'builtins.fetchTree {{ type = "path"; path = "{platform.state}"; }}', '(builtins.getFlake "path:/etc").outPath',
                       "builtins.concatStringsSep \" \" (builtins.attrNames (builtins.readDir \"/nix/store\"))",
                       'builtins.exec [ "id" ]', "import <nixpkgs>"):
        text = world.not_deployed(world.hostile_flake(seed % expression))
        assert "leaked:" not in text and "root:x:0" not in text, text
    world.not_deployed(world.hostile_flake('{ inputs.e = { url = "path:/etc"; flake = false; }; outputs = { self, e }: '
                                      '{ seeds.x = { meta = { name = builtins.readFile "${e}/passwd"; }; toplevel = e; }; }; }'))

    # A builder looks around itself and tells what it sees by failing.
    looking = (f"export PATH=/; b=$bb; for f in {hidden} /etc/shadow {platform.state} /root /home /proc/1/root/etc/shadow; do "
               "$b cat $f 2>&1; $b ls $f 2>&1; done; $b ls /nix/store | $b wc -l; $b grep -r " + world.secret[:10] + " /nix/store 2>/dev/null; "
               f"$b wget -T 3 -q -O - http://{platform.ready['http']}/health; $b ip addr; $b id; exit 1")
    flake = '{ outputs = { self }: let bb = "${builtins.path { path = ./bb; name = "bb"; }}/busybox"; in { seeds.x = { meta = { name = "x"; size = "xs"; }; ' \
            'toplevel = builtins.derivation { name = "x"; system = "x86_64-linux"; builder = bb; inherit bb; args = [ "sh" "-c" %s ]; }; }; }; }'
    for extra in ("", ' // { outputHash = "0000000000000000000000000000000000000000000000000000"; outputHashAlgo = "sha256"; outputHashMode = "flat"; }'):
        source = flake % json.dumps(looking).replace("${", "\\${")
        if extra:
            source = source.replace('toplevel = builtins.derivation {', 'toplevel = builtins.derivation ({').replace('; }; }; }; }', '; }' + extra + '); }; }; }')
        text = world.not_deployed(world.hostile_flake(source))
        assert not re.search(r"root:[^ ]*:", text) and '"ok"' not in text and "eth0" not in text, text
