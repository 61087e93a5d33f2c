# The backend.  Instances of one flake find each other by name: the frontend asks api:3000.
{ pkgs, ... }:

let
  server = pkgs.writeText "server.js" ''
    require("http").createServer((request, response) => {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ status: "ok" }) + "\n");
    }).listen(3000, "::");
  '';
in {
  seed.expose.myapi = { port = 3000; };

  systemd.services.api = {
    wantedBy = [ "multi-user.target" ];
    after = [ "network.target" ];
    serviceConfig = {
      ExecStart = "${pkgs.nodejs}/bin/node ${server}";
      DynamicUser = true;
      Restart = "always";
    };
  };
}
