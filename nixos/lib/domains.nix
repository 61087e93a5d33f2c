# combine.domains of a flake, and the names that instances ask for in seed.dns.names.
#
#   combine.domains."example.com" = { register = true; default = true; };
with import ./text.nix;
let
  most = 16;
  isBoolean = where: domain: option:
    optional (!isBool (domain.${option} or false)) "${where}.${option} must be true or false";
  defaultOf = domains: filter (name: domains.${name}.default or false == true) (attrNames domains);
  reserved = [ "local" "internal" "localhost" "invalid" "onion" "arpa" ];
  lastLabel = name: let labels = filter isString (split "\\." name); in builtins.elemAt labels (length labels - 1);
in rec {
  check = domains:
    concatLists (mapToList (name: domain:
      let where = "combine.domains.\"${name}\""; in
      if !isAttrs domain then [ "${where} must be { register; default; }, like { register = false; }" ]
      else
        optional (!isDomainName name || !matches ".*[.].*" name) "${where}: \"${name}\" is not a domain: write it like \"example.com\""
        ++ optional (elem (lastLabel name) reserved) "${where}: names below .${lastLabel name} are never published: use a public domain"
        ++ isBoolean where domain "register" ++ isBoolean where domain "default"
        ++ map (option: "${where} has no member ${option}: use register and default")
          (attrNames (removeAttrs domain [ "register" "default" ]))) domains)
    ++ optional (length (attrNames domains) > most)
      "combine.domains has ${toString (length (attrNames domains))} domains: use at most ${toString most}"
    ++ optional (length (defaultOf domains) > 1)
      "combine.domains: ${commas (defaultOf domains)} are all default: leave default = true at one of them";

  # Names that two instances ask for.  NAMES: { INSTANCE = [ NAME ]; }
  checkOwners = domains: names:
    map (group: let one = builtins.elemAt group 0; other = builtins.elemAt group 1; in
        "instance ${other.instance}: seed.dns.names ${shown other.name} is ${other.full}, which instance ${one.instance} has already: a name leads to one instance")
      (duplicates (entry: entry.full) (concatLists (mapToList (instance: asked:
        map (name: { inherit instance name; full = qualify domains name; }) (filter isString asked)) names)));

  # The full name of one entry of seed.dns.names: an unqualified one gets the default domain.
  qualify = domains: name:
    if matches ".*[.].*" name then name
    else if defaultOf domains == [ ] then name
    else "${name}.${builtins.head (defaultOf domains)}";
  domainOf = domains: name:
    filter (domain: name == domain || hasSuffix ".${domain}" name) (attrNames domains);

  # One instance's names.  Mistakes name the domain that is missing.
  checkNames = domains: instance: names:
    concatLists (map (name:
      let
        where = "instance ${instance}: seed.dns.names ${shown name}";
        full = qualify domains name;
        parent = let rest = match "[^.]+[.](.+[.].+)" full; in if rest == null then full else builtins.head rest;
      in
        if !isString name || !isDomainName name then [ "${where} is not a domain name: write it like \"www.example.com\"" ]
        else if !matches ".*[.].*" full then
          [ "${where} is unqualified and no domain is default: write the full name, or set combine.domains.\"DOMAIN\".default = true" ]
        else if domainOf domains full == [ ] then
          [ "${where} belongs to no domain of this flake: add combine.domains.\"${parent}\" = { }; to its outputs" ]
        else [ ]) names);
}
