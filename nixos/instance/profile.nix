# A small NixOS: no kernel, no boot loader, no Nix daemon, nobody at a console.  Every line can be overridden.
# docs/guest-contract.md says what is there when init starts.
{ lib, pkgs, ... }:
let
  inherit (lib) mkDefault;
in {
  boot.isContainer = true;      # leaves out kernel, initrd, boot loader and udev; the platform brings what a machine needs of them

  # / is an empty tmpfs at each boot: users come from the configuration, and what must last belongs on a volume.
  users.mutableUsers = mkDefault false;
  users.allowNoPasswordLogin = mkDefault true;
  security.sudo.enable = mkDefault false;
  nix.enable = mkDefault false;
  system.switch.enable = mkDefault false;
  system.stateVersion = mkDefault lib.trivial.release;

  documentation.enable = mkDefault false;
  environment.defaultPackages = mkDefault [ ];
  environment.stub-ld.enable = mkDefault false;
  fonts.fontconfig.enable = mkDefault false;
  programs.command-not-found.enable = mkDefault false;
  programs.less.lessopen = mkDefault null;
  xdg.autostart.enable = mkDefault false;
  xdg.icons.enable = mkDefault false;
  xdg.menus.enable = mkDefault false;
  xdg.mime.enable = mkDefault false;
  xdg.sounds.enable = mkDefault false;

  # The console is the instance's log, so everything goes there and nothing waits for a person.
  services.journald.console = mkDefault "/dev/console";
  services.journald.extraConfig = ''
    Storage=volatile
    RuntimeMaxUse=32M
  '';
  systemd.enableEmergencyMode = mkDefault false;
  systemd.services."getty@".enable = mkDefault false;
  systemd.services.console-getty.enable = lib.mkOverride 900 false;      # boot.isContainer's default is true
  services.timesyncd.enable = mkDefault false;      # the clock is the host's

  # The platform's kernel loads its modules on demand, for the firewall and for tunnels.  boot.isContainer turns this off.
  system.activationScripts.seedModules = ''
    mkdir -p /lib
    ln -sfn /run/booted-system/kernel-modules/lib/modules /lib/modules
    if [ -w /proc/sys/kernel/modprobe ]; then
      echo ${pkgs.kmod}/bin/modprobe > /proc/sys/kernel/modprobe
    fi
  '';
}
