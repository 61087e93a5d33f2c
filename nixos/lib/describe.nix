# From what an instance asks for to `meta`, which the platform reads (core/model/parse_instance.cpp), and to the list of its mistakes.
#
# Both the instance module and flakes without nixpkgs use it.  NAME is the instance's; SEED its options, in any form they may be
# written.  Returns { meta; mistakes; warnings; }: with mistakes, `meta` is not to be used.
with import ./text.nix;
let
  sizes = import ./sizes.nix;
  exposeRules = import ./expose.nix;
  storageRules = import ./storage.nix;
  connectRules = import ./connect.nix;
  mostNames = 64;
  options = [ "size" "expose" "storage" "connect" "rollout" "autostart" "acme" "shoot" "dns" ];
  shownSizes = commas (map (name: "${name} (${toString sizes.${name}.vcpus} vCPU, ${toString sizes.${name}.memory} MiB)")
    [ "xs" "s" "m" "l" "xl" ]);
in
{ name, seed, system ? "x86_64-linux" }:
let
  asked = withoutNulls seed;
  size = asked.size or "xs";
  rollout = asked.rollout or "recreate";
  autostart = asked.autostart or true;
  expose = exposeRules.check (asked.expose or { });
  storage = storageRules.check (asked.storage or { });
  volumes = withoutNulls (asked.storage or { });
  connect = connectRules.check (asked.connect or { });
  speaksHttp = builtins.any (entry: elem entry.protocol [ "http" "grpc" ]) (mapToList (_: entry: entry) expose.value);
  acme = asked.acme or speaksHttp;
  shoot = asked.shoot.enable or false;
  names = asked.dns.names or [ ];
in {
  meta = {
    inherit name size rollout autostart acme system;
    resources = sizes.${size};
    expose = expose.value;
    storage = storage.value;
    connect = connect.value;
    dns = { inherit names; };
    shoot = { enable = shoot; };
  };
  mistakes =
    optional (!isInstanceName name) "the instance name ${shown name} cannot be: use 1 to 40 of a-z, 0-9 and inner '-'"
    ++ map (option: "seed.${option} does not exist: use ${commas options}") (attrNames (removeAttrs asked options))
    ++ optional (!(isString size && hasAttr size sizes)) "seed.size ${shown size} is unknown: use ${shownSizes}"
    ++ expose.mistakes ++ storage.mistakes ++ connect.mistakes
    ++ optional (!elem rollout [ "recreate" "rolling" ])
      "seed.rollout ${shown rollout} is unknown: use \"recreate\" or \"rolling\""
    ++ optional (rollout == "rolling" && volumes != { })
      ("seed.rollout = \"rolling\" runs two boots at once, but only one may hold seed.storage."
        + builtins.head (attrNames volumes) + ": use rollout = \"recreate\", or move the volume to another instance")
    ++ optional (!isBool autostart) "seed.autostart must be true or false"
    ++ optional (!isBool acme) "seed.acme must be true or false"
    ++ optional (!isBool shoot) "seed.shoot.enable must be true or false"
    ++ optional (!isList names) "seed.dns.names must be a list, like [ \"www.example.com\" ]"
    ++ optional (isList names && length names > mostNames) "seed.dns.names has ${toString (length names)} names: use at most ${toString mostNames}"
    ++ concatLists (map (dnsName: optional (!(isString dnsName && isDomainName dnsName))
      "seed.dns.names ${shown dnsName} is not a domain name: write it like \"www.example.com\"") (if isList names then names else [ ]));
  warnings =
    optional (names != [ ] && expose.value == { })
      "seed.dns.names is set, but nothing is exposed, so there is no address to publish: add an entry to seed.expose";
}
