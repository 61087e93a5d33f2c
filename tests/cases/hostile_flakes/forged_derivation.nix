# toplevel is a set of invented paths.
# as: seeds
# ends: evaluate
# says: seeds.x.toplevel is not a derivation
{ x = { meta = { }; toplevel = { drvPath = "/etc/passwd"; outPath = "--option"; }; }; }
