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
  # As whom providers of a kind run: uids::of_provider in plugin-api/include/seed/util/cage.h, which tests/nix/host.py compares.
  user = kind: { git = 665600; dns = 665902; storage = 665701; }.${kind} or 665702;
  holds = wanted: value:
    if isString value then value == wanted
    else if isAttrs value then builtins.any (holds wanted) (builtins.attrValues value)
    else isList value && builtins.any (holds wanted) value;
  # The settings of all providers of a kind: none, one, or a list of several.
  settingsOf = kind:
    let chosen = providers.${kind}; in
    map (choice: choice.settings or { }) (if chosen == null then [ ] else if isList chosen then chosen else [ chosen ]);
  # The kinds that name a credential, one for each user that they run as.
  kindsOf = name:
    let using = filter (kind: holds (path name) (settingsOf kind)) (attrNames providers); in
    map builtins.head (builtins.attrValues (builtins.groupBy (kind: toString (user kind)) using));
  owner = name: let kinds = kindsOf name; in toString (if kinds == [ ] then 0 else user (builtins.head kinds));
in {
  inherit folder path user;
  mistakes = concatLists (map (name:
    optional (!matches "[A-Za-z0-9][A-Za-z0-9._-]{0,99}" name) "services.seed.credentials: the name ${shown name} cannot be: use letters, digits, '.', '_' and '-'"
    ++ optional (length (kindsOf name) > 1)
      "services.seed.credentials.${name} is used by the providers of ${commas (kindsOf name)}, which run as different users: give each a credential of its own") names);
  # sh, as root, before the daemon: $CREDENTIALS_DIRECTORY to $RUNTIME_DIRECTORY.
  script = ''
    set -eu
    ${lines (map (name: "install -m 0400 -o ${owner name} -g ${owner name} \"$CREDENTIALS_DIRECTORY/${name}\" \"$RUNTIME_DIRECTORY/${name}\"") names)}
  '';
}
