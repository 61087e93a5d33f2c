# Certificates from the platform, for security.acme (nginx and others) and for Caddy.
#
# The platform's ACME directory is known at run time only, as SEED_ACME_URL in /run/seed/env.  lego takes it from LEGO_SERVER, Caddy
# from a placeholder in its configuration.  Nothing is ordered until a virtual host asks for a certificate.  Where the platform has no
# ACME server, lego does not run and Caddy gets an address where nobody answers: with none at all it would refuse its configuration.
{ config, lib, pkgs, ... }:
let
  inherit (lib) mkDefault;
  lego = "/run/seed/lego.env";
in {
  config = lib.mkIf config.seed.meta.acme {
    security.acme = {
      acceptTerms = mkDefault true;
      defaults = {
        email = mkDefault "acme@seed.invalid";      # the platform's account counts, not this one
        server = mkDefault null;
        environmentFile = mkDefault lego;
      };
    };
    services.caddy.acmeCA = mkDefault "{$SEED_ACME_URL:https://localhost:9/this-platform-gives-no-certificates}";
    services.caddy.email = mkDefault "acme@seed.invalid";
    systemd.services.caddy = lib.mkIf config.services.caddy.enable {
      serviceConfig.EnvironmentFile = mkDefault "/run/seed/env";
    };

    # Before any service: without the platform's ACME server there is no file, and lego does not turn to somebody else.
    system.activationScripts.seedAcme = ''
      rm -f ${lego}
      if [ -r /run/seed/env ]; then
        url=$(. /run/seed/env && printf %s "''${SEED_ACME_URL:-}")
        if [ -n "$url" ]; then
          {
            printf 'LEGO_SERVER=%s\n' "$url"
            if [ -e /run/seed/ca.pem ]; then printf 'LEGO_CA_CERTIFICATES=/run/seed/ca.pem\n'; fi
          } > ${lego}
          chmod 0644 ${lego}
        fi
      fi
    '';
  };
}
