# ipv4 and ipv6 of a flake: ports of public addresses that lead to instances.
#
#   ipv4 = { enable = true; routes.web = { port = 443; protocol = "http"; instance = "web"; }; };
#   ipv6 = { enable = true; block = "2001:db8:1:2::/64"; routes.mail = { host = 25; port = 25; protocol = "tcp"; instance = "mail"; }; };
with import ./text.nix;
let
  inherit (import ./expose.nix) protocols;
  isPort = value: isInt value && value >= 1 && value <= 65535;
  most = 64;
  carriesTcp = protocol: protocol != "udp";
  carriesUdp = protocol: protocol == "udp" || protocol == "dns";
  # The instance takes what the route carries.
  isExposed = meta: port: protocol:
    let has = carries: builtins.any (entry: entry.port == port && carries entry.protocol) (mapToList (_: entry: entry) meta.expose);
    in (!carriesTcp protocol || has carriesTcp) && (!carriesUdp protocol || has carriesUdp);
  checkRoute = family: instances: name: route:
    let
      where = "${family}.routes.${name}";
      target = if route.targetPort or null == null then route.port or null else route.targetPort;
      known = isString (route.instance or null) && hasAttr route.instance instances;
    in
    if !isAttrs route then [ "${where} must be { port; protocol; instance; }" ]
    else
      map (option: "${where} has no member ${option}: use ${if family == "ipv6" then "host, " else ""}port, protocol, instance, targetPort")
        (attrNames (removeAttrs route ([ "port" "protocol" "instance" "targetPort" ] ++ optional (family == "ipv6") "host")))
      ++ optional (!isPort (route.port or null)) "${where}.port ${shown (route.port or null)} cannot be: use 1 to 65535"
      ++ optional (route.targetPort or null != null && !isPort route.targetPort)
        "${where}.targetPort ${shown route.targetPort} cannot be: use 1 to 65535"
      ++ optional (!elem (route.protocol or null) protocols)
        "${where}.protocol ${shown (route.protocol or null)} is unknown: use ${commas protocols}"
      ++ optional (!known)
        "${where}.instance ${shown (route.instance or null)} is no instance of this flake: use one of ${commas (attrNames instances)}"
      ++ optional (family == "ipv6" && !(isInt (route.host or null) && route.host >= 1))
        "${where}.host ${shown (route.host or null)} cannot be: use the last part of the address as a number from 1"
      ++ optional (known && isPort target && elem (route.protocol or null) protocols && !isExposed instances.${route.instance} target route.protocol)
        "${where} leads to ${route.protocol} port ${toString target} of instance ${route.instance}, which does not expose it: add it to its seed.expose, or set targetPort";
in {
  check = family: block: instances:
    let routes = block.routes or { }; in
    if block == { } then [ ]
    else
      optional (!isBool (block.enable or false)) "${family}.enable must be true or false"
      ++ map (option: "${family} has no member ${option}: use enable, ${if family == "ipv6" then "block, " else ""}routes")
        (attrNames (removeAttrs block ([ "enable" "routes" ] ++ optional (family == "ipv6") "block")))
      ++ optional (family == "ipv6" && routes != { } && !(isString (block.block or null) && matches "[0-9a-fA-F:]+/64" block.block))
        "ipv6.block ${shown (block.block or null)} is no /64: write it like \"2001:db8:1:2::/64\""
      ++ checkNames "${family}.routes" routes
      ++ optional (length (attrNames routes) > most) "${family}.routes has ${toString (length (attrNames routes))} routes: use at most ${toString most}"
      ++ concatLists (mapToList (checkRoute family instances) routes)
      ++ concatLists (map (carries: map (group: "${family}.routes.${builtins.elemAt group 0} and ${family}.routes.${builtins.elemAt group 1} are the same port: remove one")
        (duplicates (name: let route = routes.${name}; in
          "${toString (route.host or "")} ${toString (route.port or "")}")
          (filter (name: isAttrs routes.${name} && isPort (routes.${name}.port or null) && carries (routes.${name}.protocol or "")) (attrNames routes))))
        [ carriesTcp carriesUdp ]);
}
