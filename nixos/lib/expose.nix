# seed.expose: any way to write a port, to { port; protocol; }.
#
#   http.enable = true;   https.port = 8443;   http = 8080;   game = { port = 27015; protocol = "udp"; };
#
# A well-known name brings its port and protocol, whichever way it is written; any other name is tcp and needs a port.
with import ./text.nix;
let
  wellKnown = import ./well-known.nix;
  protocols = [ "tcp" "udp" "dns" "http" "grpc" ];
  most = 32;
  isPort = value: isInt value && value >= 1 && value <= 65535;

  # One entry.  null when it is switched off.
  normalise = name: entry:
    let
      where = "seed.expose.${name}";
      known = wellKnown.${name} or { port = null; protocol = "tcp"; };
      asked = if isInt entry then { port = entry; } else withoutNulls entry;
      enable = asked.enable or true;
      port = asked.port or known.port;
      protocol = asked.protocol or known.protocol;
      unknown = attrNames (removeAttrs asked [ "enable" "port" "protocol" ]);
    in
      if !(isInt entry || isAttrs entry) then
        bad "${where} must be a port or { port; protocol; }, like 8080 or { port = 8080; protocol = \"http\"; }"
      else if unknown != [ ] then bad "${where} has no member ${commas unknown}: use enable, port and protocol"
      else if !isBool enable then bad "${where}.enable must be true or false"
      else if !enable then good null
      else if port == null then
        bad "${where}: no port is known for the name \"${name}\": add port = NUMBER;"
      else if !isPort port then bad "${where}: port ${shown port} cannot be: use 1 to 65535"
      else if !elem protocol protocols then
        bad "${where}: protocol ${shown protocol} is unknown: use tcp, udp, dns (tcp and udp), http or grpc"
      else good { inherit port protocol; };

  transports = protocol: if protocol == "udp" then [ "udp" ] else if protocol == "dns" then [ "tcp" "udp" ] else [ "tcp" ];
  # The ports of one transport, for a firewall.
  portsOf = transport: expose:
    map (entry: entry.port) (filter (entry: elem transport (transports entry.protocol)) (mapToList (_: entry: entry) expose));
in {
  inherit protocols normalise portsOf;

  # All entries: { NAME = { port; protocol; }; } of those that are on.
  check = expose:
    let
      names = filter (name: expose.${name} != null) (attrNames expose);
      each = map (name: { inherit name; result = normalise name expose.${name}; }) names;
      on = filter (entry: entry.result.mistakes == [ ] && entry.result.value != null) each;
      uses = concatLists (map (entry: map
        (transport: { inherit (entry) name; inherit transport; port = toString entry.result.value.port; })
        (transports entry.result.value.protocol)) on);
      clash = group:
        let a = builtins.elemAt group 0; b = builtins.elemAt group 1; in
        "seed.expose.${a.name} and seed.expose.${b.name} both use ${a.transport} port ${a.port}: give one another port";
    in {
      value = listToAttrs (map (entry: { inherit (entry) name; inherit (entry.result) value; }) on);
      mistakes =
        checkNames "seed.expose" expose
        ++ concatLists (map (entry: entry.result.mistakes) each)
        ++ optional (length on > most) "seed.expose has ${toString (length on)} ports: use at most ${toString most}"
        ++ map clash (duplicates (use: "${use.transport} ${use.port}") uses);
    };
}
