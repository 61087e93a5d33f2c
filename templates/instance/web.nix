# An ordinary NixOS module.  seed.* is what the platform adds.
{ ... }:

{
  seed.size = "xs";                        # 1 vCPU, 512 MiB; s, m, l, xl are larger
  seed.expose.http.enable = true;          # port 80, opened in the firewall, with a name in DNS
  seed.storage.data = "1Gi";               # /seed/storage/data, kept over every deployment

  services.nginx.enable = true;
  services.nginx.virtualHosts.default = {
    default = true;
    # [::] too: the world arrives over IPv6.
    listen = [ { addr = "[::]"; port = 80; } { addr = "0.0.0.0"; port = 80; } ];
    root = "/seed/storage/data/www";
  };

  # The first boot finds an empty volume: give it something to serve.  (For files of this repository: root = ./www; and no volume.)
  systemd.tmpfiles.rules = [
    "d /seed/storage/data/www 0755 root root -"
    "f /seed/storage/data/www/index.html 0644 root root - It works."
  ];
}
