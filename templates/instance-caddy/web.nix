{ pkgs, ... }:

let
  # Replace this by your own program.
  site = pkgs.writeTextDir "index.html" "Hello from Seed!\n";
in {
  seed.expose.https.enable = true;                                             # 443; certificates come from the platform, if it gives any
  seed.storage.caddy = { size = "100Mi"; mountPoint = "/var/lib/caddy"; user = "caddy"; group = "caddy"; };
  seed.dns.names = [ "example.com" "www.example.com" ];                        # below combine.domains of flake.nix

  services.caddy = {
    enable = true;
    # {$SEED_FQDN} is Caddy's own syntax: the instance's name, from /run/seed/env.
    virtualHosts."{$SEED_FQDN}, example.com, www.example.com".extraConfig = ''
      reverse_proxy localhost:3000
    '';
  };

  systemd.services.app = {
    description = "the program behind the proxy";
    wantedBy = [ "multi-user.target" ];
    serviceConfig = {
      ExecStart = "${pkgs.busybox}/bin/httpd -f -p 127.0.0.1:3000 -h ${site}";
      DynamicUser = true;
      Restart = "always";
    };
  };
}
