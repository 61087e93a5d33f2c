#!/usr/bin/env python3
"""docs/nix-options.md has every option of an instance, and none that there is not; each says what it is.

Looks at the modules without nixpkgs (plain_lib.nix): names and descriptions.  The page's text is compared as a whole by instances.py, where a
nixpkgs is.
"""
import re

from nix_side import SOURCE, evaluate

MODULES = ["instance/options.nix", "instance/meta.nix", "services/mtls-proxy.nix", "services/postgresql", "services/zitadel.nix"]

found = evaluate("let lib = import ./tests/nix/plain_lib.nix; in builtins.concatLists (map (file: lib.described [ ] "
                 "((import (./nixos + \"/${file}\") { inherit lib; pkgs = { }; config = { }; }).options or { })) input)", MODULES)
options = {".".join(one["path"]): one for one in found}
for name, one in options.items():
    assert one["description"].strip().endswith((".", "`")), f"{name} does not say what it is: {one['description']!r}"
with open(f"{SOURCE}/docs/nix-options.md") as page:
    listed = re.findall(r"^\| `([^`]+)` \|", page.read(), re.MULTILINE)
assert len(listed) == len(set(listed)) > 20, listed
internal = {name for name, one in options.items() if one["internal"]}
assert set(options) - internal == set(listed), (sorted(set(options) - internal - set(listed)), sorted(set(listed) - set(options)))
print(f"{len(listed)} options")
