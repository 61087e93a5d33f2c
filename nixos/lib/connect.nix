# seed.connect: "db", or { service; port; }, to the full form, and what a guest finds of it.  Discovery, never access control.
with import ./text.nix;
let
  most = 64;
  normalise = name: entry:
    let
      where = "seed.connect.${name}";
      asked = if isString entry then { service = entry; } else withoutNulls entry;
      unknown = attrNames (removeAttrs asked [ "service" "port" ]);
      port = asked.port or null;
    in
      if !(isString entry || isAttrs entry) || !(asked ? service) then
        bad "${where} must be the name of an instance or { service; port; }, like \"db\" or { service = \"db\"; port = 5432; }"
      else if unknown != [ ] then bad "${where} has no member ${commas unknown}: use service and port"
      else if !isString asked.service || !isDomainName asked.service then
        bad "${where}: the service ${shown asked.service} is no name: name an instance of this flake, like \"db\", or a full DNS name"
      else if port != null && !(isInt port && port >= 1 && port <= 65535) then
        bad "${where}: port ${shown port} cannot be: use 1 to 65535"
      else good ({ inherit (asked) service; } // (if port == null then { } else { inherit port; }));

  # The instance that "db" or "seed-db" means, or null.  One that is really called seed-db comes first.
  target = instances: service:
    if hasAttr service instances then service
    else if hasPrefix "seed-" service && hasAttr (substring 5 253 service) instances then substring 5 253 service
    else null;

  # One instance's connections against all instances of the flake: { NAME = meta; }.
  checkTargets = instances: name:
    concatLists (mapToList (connection: { service, port ? null }:
      let
        where = "instance ${name}: seed.connect.${connection}";
        found = target instances service;
        ports = mapToList (_: entry: entry.port) instances.${found}.expose;
      in
        if matches ".*[.].*" service then [ ]
        else if found == null then
          [ "${where}: there is no instance ${service} in this flake: use one of ${commas (attrNames instances)}, or add it" ]
        else if ports == [ ] then
          [ "${where}: instance ${found} exposes nothing, so it cannot be reached: give it a port in seed.expose, or remove the connection" ]
        else if port != null && !elem port ports then
          [ "${where}: instance ${found} does not expose port ${toString port}: use one of ${commas (map toString ports)}, or expose it there" ]
        else [ ]) (instances.${name}.connect or { }));
in {
  inherit normalise checkTargets;
  variable = name: "SEED_${upper (replaceAll "-" "_" name)}_HOST";
  file = { service, port ? null }: service + (if port == null then "" else ":${toString port}");

  check = connect:
    let
      each = map (name: { inherit name; result = normalise name connect.${name}; })
        (filter (name: connect.${name} != null) (attrNames connect));
    in {
      value = listToAttrs (map (entry: { inherit (entry) name; inherit (entry.result) value; })
        (filter (entry: entry.result.mistakes == [ ]) each));
      mistakes =
        checkNames "seed.connect" connect
        ++ concatLists (map (entry: entry.result.mistakes) each)
        ++ optional (length each > most) "seed.connect has ${toString (length each)} members: use at most ${toString most}";
    };
}
