# Instances as people write them.  `refused` is what both Nix and the platform say of a wrong one; without it both accept it and
# come to the same result.  `only`: a rule that only the Nix side has, because the platform ignores what it does not know.
let
  many = count: make: builtins.listToAttrs (builtins.genList (n: { name = "e${toString n}"; value = make n; }) count);
in [
  { seed = { }; }
  { seed.size = "xl"; }
  { seed.size = "xxl"; refused = "unknown: use xs (1 vCPU, 512 MiB), s (1 vCPU, 1024 MiB)"; }
  { seed.size = 3; refused = "seed.size"; }

  # expose: every form of the documents
  { seed.expose.http.enable = true; }
  { seed.expose = { https.enable = true; ssh.enable = true; dns.enable = true; postgresql.enable = true; }; }
  { seed.expose.https.port = 8443; }
  { seed.expose.myapp = { port = 9090; protocol = "tcp"; }; }
  { seed.expose.http = 8080; }
  { seed.expose.api = { port = 8081; }; }
  { seed.expose.api = 3000; }
  { seed.expose.grpc = { port = 9090; protocol = "grpc"; }; }
  { seed.expose.grpc = 50051; }
  { seed.expose.http.enable = false; }
  { seed.expose.nothing.enable = false; }
  { seed.expose.http = null; }
  { seed.expose.http.protocol = "tcp"; }
  { seed.expose = { dns = 53; dot = 853; }; }
  { seed.expose = { a = { port = 53; protocol = "udp"; }; b = 53; }; }
  { seed.expose = many 32 (n: 1000 + n); }
  { seed.expose = many 33 (n: 1000 + n); refused = "seed.expose has 33 ports: use at most 32"; }
  { seed.expose.myapp.enable = true; refused = "no port is known for the name \"myapp\": add"; }
  { seed.expose.grpc.enable = true; refused = "no port is known for the name \"grpc\""; }
  { seed.expose.http = 0; refused = "port 0 cannot be: use 1 to 65535"; }
  { seed.expose.http = 65536; refused = "port 65536 cannot be"; }
  { seed.expose.http = -1; refused = "port -1 cannot be"; }
  { seed.expose.http.port = "80"; refused = "port \"80\" cannot be"; }
  { seed.expose.http = "80"; refused = "must be a port or { port; protocol; }"; }
  { seed.expose.http = [ 80 ]; refused = "must be a port or { port; protocol; }"; }
  { seed.expose.http.protocol = "quic"; refused = "protocol \"quic\" is unknown: use tcp, udp, dns (tcp and udp), http or grpc"; }
  { seed.expose.http.enable = "yes"; refused = "seed.expose.http.enable must be true or false"; }
  { seed.expose = { a = 80; http.enable = true; }; refused = "seed.expose.a and seed.expose.http both use tcp port 80"; }
  { seed.expose = { dns.enable = true; x = { port = 53; protocol = "udp"; }; }; refused = "seed.expose.dns and seed.expose.x both use udp port 53"; }
  { seed.expose."My App" = 80; refused = "use 1 to 40 of a-z, 0-9 and inner '-'"; }
  { seed.expose."../x" = 80; refused = "use 1 to 40 of a-z, 0-9 and inner '-'"; }
  { seed.expose.http.prot = "tcp"; refused = "seed.expose.http has no member prot"; only = true; }

  # storage
  { seed.storage.data = "1Gi"; }
  { seed.storage.cache = { size = "500Mi"; mountPoint = "/tmp/cache"; }; }
  { seed.storage.db = { size = "10Gi"; user = "postgres"; group = "postgres"; mode = "750"; }; }
  { seed.storage = { acme = { size = "100Mi"; mountPoint = "/var/lib/acme"; }; caddy = { size = "100Mi"; mountPoint = "/var//lib/caddy/"; }; }; }
  { seed.storage.data = "8388608"; }
  { seed.storage.data = null; }
  { seed.storage = many 17 (n: "1Gi"); refused = "seed.storage has 17 volumes: use at most 16"; }
  { seed.storage.data = "1GB"; refused = "size \"1GB\" is not a size: write it like \"500Mi\", \"10Gi\" or \"1Ti\""; }
  { seed.storage.data = "0"; refused = "is not a size"; }
  { seed.storage.data = "99999Ti"; refused = "is not a size"; }
  { seed.storage.data = "4Mi"; refused = "too small for a file system: use at least \"8Mi\""; }
  { seed.storage.data = 5; refused = "seed.storage.data must be a size or"; }
  { seed.storage.data = { mountPoint = "/data"; }; refused = "seed.storage.data has no size: add"; }
  { seed.storage.data = { size = "1Gi"; mountPoint = "data"; }; refused = "is not absolute: begin it with '/'"; }
  { seed.storage.data = { size = "1Gi"; mountPoint = "/a/../etc"; }; refused = "write the path without it"; }
  { seed.storage.data = { size = "1Gi"; mountPoint = "/nix/store"; }; refused = "collides with /nix, which is the platform's"; }
  { seed.storage.data = { size = "1Gi"; mountPoint = "/run"; }; refused = "collides with /run/"; }
  { seed.storage.data = { size = "1Gi"; mountPoint = "/seed/storage"; }; refused = "is where the platform mounts volumes"; }
  { seed.storage.data = { size = "1Gi"; mountPoint = "/"; }; refused = "is the root: use a folder below it"; }
  { seed.storage.data = { size = "1Gi"; mountPoint = "/a b"; }; refused = "a character that is not allowed"; }
  { seed.storage.data = { size = "1Gi"; user = "Root"; }; refused = "seed.storage.data.user \"Root\" is not a name"; }
  { seed.storage.data = { size = "1Gi"; mode = "rwx"; }; refused = "seed.storage.data.mode \"rwx\" is not a mode"; }
  { seed.storage = { a = { size = "1Gi"; mountPoint = "/d"; }; b = { size = "1Gi"; mountPoint = "/d/"; }; }; refused = "seed.storage.a and seed.storage.b both mount on /d"; }
  { seed.storage.data = { size = "1Gi"; owner = "x"; }; refused = "seed.storage.data has no member owner"; only = true; }

  # connect
  { seed.connect.redis = "my-redis"; }
  { seed.connect.db = { service = "postgres"; port = 5432; }; }
  { seed.connect.far = "db.s-abc.example.net"; }
  { seed.connect.db = { port = 5432; }; refused = "seed.connect.db must be the name of an instance or { service; port; }"; }
  { seed.connect.db = 5432; refused = "seed.connect.db must be the name of an instance or"; }
  { seed.connect.db = "Not A Name"; refused = "is no name: name an instance of this flake"; }
  { seed.connect.db = { service = "db"; port = 70000; }; refused = "port 70000 cannot be: use 1 to 65535"; }
  { seed.connect."a b" = "db"; refused = "use 1 to 40 of a-z, 0-9 and inner '-'"; }

  # the rest
  { seed.rollout = "rolling"; seed.expose.http.enable = true; }
  { seed.rollout = "blue-green"; refused = "seed.rollout \"blue-green\" is unknown: use \"recreate\" or \"rolling\""; }
  { seed = { rollout = "rolling"; storage.data = "1Gi"; }; refused = "only one may hold seed.storage.data: use rollout = \"recreate\""; }
  { seed.autostart = false; }
  { seed.autostart = "no"; refused = "seed.autostart must be true or false"; }
  { name = "Web"; seed = { }; refused = "use 1 to 40 of a-z, 0-9 and inner '-'"; }
  { name = "a-b-3"; seed = { }; }
  { seed.sizze = "xs"; refused = "seed.sizze does not exist: use size, expose"; only = true; }
  { seed.acme = "yes"; refused = "seed.acme must be true or false"; only = true; }
  { seed.shoot.enable = 1; refused = "seed.shoot.enable must be true or false"; only = true; }
  { seed.dns.names = [ "Bad_Name" ]; refused = "\"Bad_Name\" is not a domain name: write it like"; }
  { seed.dns.names = [ 5 ]; refused = "seed.dns.names 5 is not a domain name"; }
  { seed.dns.names = "www.example.com"; refused = "seed.dns.names must be a list"; }
  { seed.dns.names = builtins.genList (n: "n${toString n}.example.com") 65; refused = "seed.dns.names has 65 names: use at most 64"; }
  { seed.dns.names = [ "www.example.com" "www" ]; }
]
