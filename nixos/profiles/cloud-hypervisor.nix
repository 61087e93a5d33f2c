# One machine with Cloud Hypervisor: everything as by default, but machines are its.  Needs hardware virtualisation (/dev/kvm); where there
# is none, QEMU (the default) emulates.
{ lib, ... }:

{
  services.seed.providers.runtime.plugin = lib.mkDefault "runtime-clh";
}
