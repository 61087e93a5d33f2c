# The part of Seed's Nix side that needs no nixpkgs: every rule about options, as plain functions of plain values.
#
# Any Nix from 2.8 on runs it: `nix eval -f nixos/lib sizes`.  core/model has the same rules for flakes that do not use this; both are
# held together by tests/nix/rules.py.
let
  text = import ./text.nix;
  describe = import ./describe.nix;
  connect = import ./connect.nix;
  domains = import ./domains.nix;
  routes = import ./routes.nix;
  fail = what: mistakes: throw "${what}:\n${text.lines (map (mistake: "- ${mistake}") mistakes)}";
in rec {
  sizes = import ./sizes.nix;
  wellKnown = import ./well-known.nix;
  expose = import ./expose.nix;
  storage = import ./storage.nix;
  inherit connect describe domains routes;
  # A name that only its owner gets a certificate for: not "default", "_" or "localhost".
  isPublicName = name: text.isDomainName name && text.matches ".*[.].*" name;
  inherit (import ./namespace.nix) namespaceOf cidIn;

  # `meta` of an instance, or all its mistakes at once.
  checkedMeta = { name, ... }@instance:
    let described = describe instance; in
    if described.mistakes != [ ] then fail "instance ${name}" described.mistakes
    else builtins.foldl' (meta: warning: builtins.trace "warning: instance ${name}: ${warning}" meta) described.meta described.warnings;

  # An instance without NixOS: TOPLEVEL is any derivation with an executable `init`.
  mkBareSeed = { name, toplevel, seed ? { }, system ? "x86_64-linux" }:
    { inherit toplevel; image = toplevel; meta = checkedMeta { inherit name seed system; }; };

  # What one instance cannot see: connections, names and routes against the whole flake.  FLAKE is { seeds; combine; ipv4; ipv6; }.
  flakeMistakes = { seeds, combine ? { }, ipv4 ? { }, ipv6 ? { }, ... }:
    let metas = builtins.mapAttrs (_: seed: seed.meta) seeds; in
    text.concatLists (text.mapToList (name: meta: text.optional (meta.name or name != name)
      "seeds.${name} is the instance ${text.shown meta.name}: give mkSeed the name it has in seeds, name = \"${name}\";") metas)
    ++ domains.check (combine.domains or { })
    ++ text.concatLists (text.mapToList (name: meta:
      connect.checkTargets metas name ++ domains.checkNames (combine.domains or { }) name (meta.dns.names or [ ])) metas)
    ++ domains.checkOwners (combine.domains or { }) (builtins.mapAttrs (_: meta: meta.dns.names or [ ]) metas)
    ++ routes.check "ipv4" ipv4 metas ++ routes.check "ipv6" ipv6 metas;

  # The same flake when it is sound: outputs = { seed, ... }: seed.lib.checkedFlake { seeds.web = ...; combine.domains = ...; };
  checkedFlake = flake:
    let mistakes = flakeMistakes flake; in
    if mistakes != [ ] then fail "the flake" mistakes else flake;
}
