# Not Nix at all; the failing line is shown.
# as: flake
# ends: evaluate
# says: syntax error[\s\S]*flake.nix:1
{ outputs = { self }: { seeds = ; }; }
