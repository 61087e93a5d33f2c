# A whole test node as a virtual machine: `nix run .#vm`.  Open admission; SSH of the platform on port 2222 of this host.
{ modulesPath, ... }:
{
  imports = [ (modulesPath + "/virtualisation/qemu-vm.nix") ];
  networking.hostName = "node";
  virtualisation = {
    memorySize = 4096;
    cores = 2;
    diskSize = 20480;
    forwardPorts = [
      { from = "host"; host.port = 2222; guest.port = 22; }
      { from = "host"; host.port = 8080; guest.port = 80; }
    ];
  };
  services.seed = { enable = true; domain = "seed.localhost"; admission = "open"; openFirewall = true; };
  users.users.root.initialPassword = "";
  documentation.enable = false;
  services.getty.autologinUser = "root";
  system.stateVersion = "25.05";
}
