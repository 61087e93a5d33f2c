# seed.connect inside the machine: a file, a variable in sessions, and (by the platform) a variable in /run/seed/env.
{ config, lib, ... }:
let
  inherit (import ../lib) connect;
in {
  environment.etc = lib.mapAttrs' (name: connection:
    lib.nameValuePair "seed/connect/${name}" { text = connect.file connection; mode = "0444"; }) config.seed.meta.connect;
  environment.sessionVariables = lib.mapAttrs' (name: connection:
    lib.nameValuePair (connect.variable name) connection.service) config.seed.meta.connect;
}
