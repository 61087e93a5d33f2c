# Secret files for providers.  systemd hands credentials to the daemon alone, readable by root; a provider runs as a user of its own.  So a
# script gives each file to the provider whose settings name it, in a folder that goes with the daemon.  Builtins only; tests/nix/host.py runs
# the script.
#
# NAMES are those of services.seed.credentials, PROVIDERS its providers: { dns = { settings.api_key_file = path "pdns"; }; git = [ ... ]; }
{ names, providers }:
with import ../lib/text.nix;
let
  folder = "seed-credentials";        # below /run
  path = name: "/run/${folder}/${name}";
  # As whom providers of a kind run: core/programs/seedd/platform.cpp and plugin-api/include/seed/util/cage.h.
  uidOf = kind: { git = 665600; dns = 665902; storage = 665701; }.${kind} or 665702;
  holds = wanted: value:
    if isString value then value == wanted
    else if isAttrs value then builtins.any (holds wanted) (builtins.attrValues value)
    else isList value && builtins.any (holds wanted) value;
  usersOf = name: filter (kind: providers.${kind} != null
    && holds (path name) (map (choice: choice.settings or { }) (if isList providers.${kind} then providers.${kind} else [ providers.${kind} ]))) (attrNames providers);
  ownerOf = name: let users = usersOf name; in if users == [ ] then 0 else uidOf (builtins.head users);
in {
  inherit folder path;
  mistakes = concatLists (map (name:
    optional (!matches "[A-Za-z0-9][A-Za-z0-9._-]{0,99}" name) "services.seed.credentials: the name ${shown name} cannot be: use letters, digits, '.', '_' and '-'"
    ++ optional (length (usersOf name) > 1)
      "services.seed.credentials.${name} is used by ${commas (usersOf name)}, which are different users: give each a credential of its own") names);
  # sh, as root, before the daemon: $CREDENTIALS_DIRECTORY to $RUNTIME_DIRECTORY.
  script = ''
    set -eu
    ${lines (map (name: "install -m 0400 -o ${toString (ownerOf name)} -g ${toString (ownerOf name)} \"$CREDENTIALS_DIRECTORY/${name}\" \"$RUNTIME_DIRECTORY/${name}\"") names)}
  '';
}
