# Owner and mode of the mount points.  The platform sets them too, but only when it has seen /etc/passwd; here they are right before
# the first service starts.
{ config, lib, ... }:
{
  systemd.tmpfiles.rules = lib.mapAttrsToList
    (_: volume: "d ${volume.mountPoint} ${volume.mode} ${volume.user} ${volume.group} -") config.seed.meta.storage;
  # A volume on /var/lib/NAME of a service is there when the service starts: it was mounted before init.
}
