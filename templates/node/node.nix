# One machine with everything: QEMU machines, PowerDNS, git, local volumes.
{ ... }:

{
  # Your hardware, disks and users: what `nixos-generate-config` wrote.
  # imports = [ ./hardware-configuration.nix ];

  services.seed = {
    enable = true;
    domain = "seed.example.org";             # instances are INSTANCE.NAMESPACE.seed.example.org
    silo = "silo.example.org";               # git clone silo.example.org:my-app.git
    admission = "open";                      # who reaches the SSH port makes a repository by pushing to it; "invite": only those of `seed invite add`
    openFirewall = true;                     # SSH, HTTP and DNS of the platform

    # The platform's own SSH server takes port 22: people type no port.  Move the host's.
    listen.ssh = "[::]:22";
    # ingress.prefix = "2001:db8:5eed::/48";  # your own prefix, routed to this host; without it addresses are private

    # Options below `settings` come from the plugin itself: a wrong key or type fails here, not at the start.
    providers.dns = {
      plugin = "dns-powerdns";
      settings = { managed = true; listen = "[::]:53"; };
    };
  };
  services.openssh = { enable = true; ports = [ 2222 ]; };

  system.stateVersion = "25.05";
}
