# Builds something of its own and then claims that B's output is what to boot.
# as: seeds
# ends: image
# says: was not built in this namespace
{ x = { meta = { }; toplevel = { drvPath = (sh "echo > $out").drvPath; outPath = "@B_OUT@"; }; }; }
