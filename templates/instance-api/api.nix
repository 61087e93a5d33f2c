# Secrets, in four steps:
#   1. Push this as it is; every request is answered by 401.  The machine makes its own key at its first boot; it never leaves its TPM.
#   2. ssh THE-PLATFORM keys api              prints the public key, age1tpm1q...  (`ssh THE-PLATFORM help` lists `keys` where
#                                             machines have TPMs; on other platforms secrets end here.)
#   3. sops --age age1tpm1q... secrets/api.yaml      write   api-key: your-secret
#   4. git add secrets/api.yaml, commit, push.  From then on /run/secrets/api-key holds it.
{ config, lib, pkgs, ... }:

let
  secrets = ./secrets/api.yaml;
  hasSecrets = builtins.pathExists secrets;
  server = pkgs.writeText "server.js" ''
    const http = require("http"), fs = require("fs");
    const file = process.env.API_KEY_FILE;
    http.createServer((request, response) => {
      const key = file ? fs.readFileSync(file, "utf8").trim() : null;
      const allowed = key !== null && request.headers["x-api-key"] === key;
      response.writeHead(allowed ? 200 : 401, { "Content-Type": "text/plain" });
      response.end(allowed ? "ok\n" : "wrong or no key\n");
    }).listen(3000, "::");
  '';
in {
  seed.expose.myapp = { port = 3000; };      # no well-known name: tcp
  seed.storage.data = "1Gi";

  users.users.api = { isSystemUser = true; group = "api"; };
  users.groups.api = { };

  sops = lib.mkIf hasSecrets {
    defaultSopsFile = secrets;
    secrets.api-key.owner = "api";           # the service's user, not root
  };

  systemd.services.api = {
    wantedBy = [ "multi-user.target" ];
    after = [ "network.target" ];
    environment = lib.mkIf hasSecrets { API_KEY_FILE = config.sops.secrets.api-key.path; };
    serviceConfig = {
      ExecStart = "${pkgs.nodejs}/bin/node ${server}";
      User = "api";
      Restart = "always";
    };
  };
}
