#!/usr/bin/env python3
"""docs/nix-options.md has every option of an instance, docs/nix-host-options.md every one of a host, and none that there is not; each says what it is.

Looks at the modules without nixpkgs (plain_lib.nix): names and descriptions.  The pages' text is compared as a whole by instances.py, where a
nixpkgs is.
"""
import re

from nix_side import SOURCE, evaluate

# The page, the modules, and the options of which plain_lib.nix sees nothing inside.
PAGES = [("nix-options", ["instance/options.nix", "instance/meta.nix", "services/mtls-proxy.nix", "services/postgresql", "services/zitadel.nix"], None),
         ("nix-host-options", ["host/options.nix"], r"services\.seed\.providers\.\w+\.(plugin|isolation|settings)")]

for title, modules, inside in PAGES:
    found = evaluate("let lib = import ./tests/nix/plain_lib.nix; in builtins.concatLists (map (file: lib.described [ ] "
                     "((import (./nixos + \"/${file}\") { inherit lib; pkgs = { }; config = { }; }).options or { })) input)", modules)
    options = {".".join(one["path"]): one for one in found}
    for name, one in options.items():
        assert one["description"].strip().endswith((".", "`", ")")), f"{name} does not say what it is: {one['description']!r}"
    with open(f"{SOURCE}/docs/{title}.md") as page:
        listed = re.findall(r"^\| `([^`]+)` \|", page.read(), re.MULTILINE)
    assert len(listed) == len(set(listed)) > 20, listed
    there = {name for name, one in options.items() if not one["internal"]}
    more = {name for name in listed if inside and re.fullmatch(inside, name)}
    assert there == set(listed) - more, (title, sorted(there - set(listed)), sorted(set(listed) - more - there))
    print(f"{title}: {len(listed)} options")
