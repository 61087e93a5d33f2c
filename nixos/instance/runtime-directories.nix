# Services that expect /run/NAME without asking systemd for it get it: `systemd.services.x.serviceConfig.RuntimeDirectory` by hand is
# not needed, and still works.  Only for services with an ordinary user: root makes its own.
{ config, lib, ... }:
let
  wants = name: service:
    let own = service.serviceConfig; in
    service.enable && own ? User && lib.isString own.User && own.User != "root" && own.User != ""
    && !(own ? RuntimeDirectory) && !(own.DynamicUser or false == true || own.DynamicUser or "" == "yes")
    && config.users.users ? ${own.User} && builtins.match "[A-Za-z0-9_.-]+" name != null;
in {
  systemd.tmpfiles.rules = lib.mapAttrsToList (name: service:
    "d /run/${name} 0755 ${service.serviceConfig.User} ${service.serviceConfig.Group or config.users.users.${service.serviceConfig.User}.group} -")
    (lib.filterAttrs wants config.systemd.services);
}
