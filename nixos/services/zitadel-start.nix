# How Zitadel is started: its configuration and the three commands, as plain values.  tests/nix/postgresql.py plays them against a real
# server, with a stand-in for Zitadel.
#
# KEY is the file of the master key; CONFIG the configuration's.
{ zitadel, key, config }:
{
  # sh: 32 characters, made once and kept on the volume; whoever loses it loses what Zitadel has encrypted.  Whole or not at all.
  makeKey = ''
    set -eu
    umask 077
    if ! [ -s ${key} ]; then
      LC_ALL=C tr -dc A-Za-z0-9 < /dev/urandom | head -c 32 > ${key}.new
      [ "$(wc -c < ${key}.new)" -eq 32 ]
      sync ${key}.new
      mv ${key}.new ${key}
    fi
  '';
  # Its schemas, as an ordinary role: no administrator of the database is needed.
  init = "${zitadel} init zitadel --config ${config}";
  # Migrates and runs.
  start = "${zitadel} start-from-setup --masterkeyFile ${key} --tlsMode external --init-projections=true --config ${config}";

  settings = { hostname, port, database }: {
    Port = port;
    ExternalDomain = hostname;
    ExternalPort = 443;
    ExternalSecure = true;
    TLS.Enabled = false;
    Database.postgres = {
      Host = "127.0.0.1";
      Port = database.localPort;
      Database = database.name;
      # TLS and identity are the proxy's business; the role is the one that the certificate is mapped to.
      User = { Username = database.role; SSL.Mode = "disable"; };
      Admin = { Username = database.role; SSL.Mode = "disable"; };
    };
  };
}
