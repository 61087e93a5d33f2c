# The frontend: everything below /api goes to the instance `api`, the rest is served from the volume.
{ ... }:

{
  seed.expose.http.enable = true;
  seed.storage.data = "1Gi";
  seed.connect.api = { service = "api"; port = 3000; };      # SEED_API_HOST and /etc/seed/connect/api

  services.nginx.enable = true;
  services.nginx.virtualHosts.default = {
    default = true;
    listen = [ { addr = "[::]"; port = 80; } { addr = "0.0.0.0"; port = 80; } ];
    root = "/seed/storage/data/www";
    # A variable makes nginx look the name up at each request, so that it starts although `api` is not there yet.
    locations."/api/".extraConfig = ''
      resolver 169.254.0.1 valid=10s;
      set $backend "api:3000";
      proxy_pass http://$backend;
    '';
  };
  systemd.tmpfiles.rules = [
    "d /seed/storage/data/www 0755 root root -"
    "f /seed/storage/data/www/index.html 0644 root root - It works."
  ];
}
