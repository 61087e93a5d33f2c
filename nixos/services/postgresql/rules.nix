# seed.services.postgresql as text: SQL, pg_hba.conf and pg_ident.conf from the declared databases.  Builtins only; tests/nix runs the
# result against a real server.
#
#   databases.myapp.clients.api = { role = "myapp_rw"; };
#   databases.myapp.clients.report = { role = "myapp_ro"; namespace = "s-..."; };      # an instance of another flake
#
# Who somebody is says their certificate, whose name is CN=INSTANCE,OU=NAMESPACE,O=TRUST DOMAIN.  What they may do says the role:
#   rw   acts as the database's owner, DATABASE_owner, so that several rw clients share all tables
#   ro   may connect and read what the owner makes, now and later; nothing else, not even temporary tables
# A role whose name ends in _ro is ro unless `access` says otherwise.
with import ../../lib/text.nix;
let
  isName = name: isString name && stringLength name <= 56 && matches "[a-z_][a-z0-9_]*" name;
  reserved = [ "postgres" "template0" "template1" "public" "none" "all" "replication" "sameuser" "samerole" ];
  accessOf = client: if client.access or null != null then client.access else if hasSuffix "_ro" client.role then "ro" else "rw";
  owner = database: "${database}_owner";

  # [ { database; instance; role; access; namespace; } ], namespace null for our own.
  all = databases: concatLists (mapToList (database: { clients ? { }, ... }:
    mapToList (instance: client: {
      inherit database instance;
      inherit (client) role;
      access = accessOf client;
      namespace = client.namespace or null;
    }) clients) databases);
  unique = list: foldl' (known: one: if elem one known then known else known ++ [ one ]) [ ] list;
  rolesOf = databases: unique (map (client: { inherit (client) database role access; }) (all databases));

  roleSql = role: ''
    SELECT 'CREATE ROLE "${role}"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') \gexec
  '';
  databaseSql = database: ''

    -- database ${database}
    ${roleSql (owner database)}
    ALTER ROLE "${owner database}" NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
    SELECT 'CREATE DATABASE "${database}" OWNER "${owner database}"'
      WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '${database}') \gexec
    ALTER DATABASE "${database}" OWNER TO "${owner database}";
    REVOKE ALL ON DATABASE "${database}" FROM PUBLIC;
    \connect "${database}"
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    GRANT ALL ON SCHEMA public TO "${owner database}";
  '';
  grantSql = { database, role, access }: ''

    -- ${role} in ${database}: ${access}
    ${roleSql role}
    ALTER ROLE "${role}" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
    \connect "${database}"
    GRANT CONNECT ON DATABASE "${database}" TO "${role}";
  '' + (if access == "rw" then ''
    GRANT "${owner database}" TO "${role}";
    ALTER ROLE "${role}" IN DATABASE "${database}" SET role = '${owner database}';
    ALTER ROLE "${role}" IN DATABASE "${database}" RESET default_transaction_read_only;
  '' else ''
    REVOKE "${owner database}" FROM "${role}";
    ALTER ROLE "${role}" IN DATABASE "${database}" RESET role;
    ALTER ROLE "${role}" IN DATABASE "${database}" SET default_transaction_read_only = on;
    REVOKE CREATE, TEMPORARY ON DATABASE "${database}" FROM "${role}";
    REVOKE ALL ON SCHEMA public FROM "${role}";
    GRANT USAGE ON SCHEMA public TO "${role}";
    REVOKE ALL ON ALL TABLES IN SCHEMA public FROM "${role}";
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO "${role}";
    GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO "${role}";
    ALTER DEFAULT PRIVILEGES FOR ROLE "${owner database}" IN SCHEMA public GRANT SELECT ON TABLES TO "${role}";
    ALTER DEFAULT PRIVILEGES FOR ROLE "${owner database}" IN SCHEMA public GRANT SELECT ON SEQUENCES TO "${role}";
  '');
in {
  inherit accessOf;

  mistakes = databases:
    let
      option = "seed.services.postgresql.databases";
      clients = all databases;
      name = what: value: optional (!isName value || elem value reserved || hasPrefix "pg_" value)
        "${what} ${shown value} cannot be: use a-z, 0-9 and '_', at most 56, not beginning with a digit or pg_, and none of PostgreSQL's own";
      accessesOf = client: unique (map (other: other.access) (filter (other: other.database == client.database && other.role == client.role) clients));
    in
      concatLists (map (name "${option}: the database") (attrNames databases))
      ++ concatLists (map (client:
        let where = "${option}.${client.database}.clients.${client.instance}"; in
        name "${where}.role" client.role
        ++ optional (!isInstanceName client.instance) "${where}: ${shown client.instance} is no instance name: use 1 to 40 of a-z, 0-9 and inner '-'"
        ++ optional (client.namespace != null && !(isString client.namespace && matches "s-[a-z2-7]{26}" client.namespace))
          "${where}.namespace ${shown client.namespace} is no namespace: use \"s-\" and 26 of a-z and 2-7, as `status` shows it"
        ++ optional (hasAttr client.role databases || elem client.role (map owner (attrNames databases)))
          "${where}.role ${shown client.role} is the name of a database or of its owner: use another one, like ${client.database}_rw"
        ++ optional (length (accessesOf client) > 1) "${where}.role ${client.role} is ro for one client and rw for another: give them two roles")
        clients);

  # seed-pg-init: for psql as the superuser; as often as one likes.
  sql = databases: concatStringsSep "" ([ "\\set ON_ERROR_STOP on\nSET client_min_messages = warning;\n" ]
    ++ map databaseSql (attrNames databases) ++ map grantSql (rolesOf databases));

  hba = databases: lines ([
    "# type  database  user  address  method"
    "local all postgres peer"
    "hostnossl all all all reject"
  ] ++ map ({ database, role, access }: "hostssl \"${database}\" \"${role}\" all cert clientname=DN map=seed") (rolesOf databases)
    ++ [ "host all all all reject" "local all all reject" ]) + "\n";

  # @NAMESPACE@ and @TRUST@ are filled in when the server starts, from its own certificate: `identities` below.
  ident = databases: concatStringsSep "" (map (client:
    let namespace = if client.namespace == null then "@NAMESPACE@" else client.namespace; in
    "seed \"CN=${client.instance},OU=${namespace},O=@TRUST@\" \"${client.role}\"\n") (all databases));

  # sh: TEMPLATE CERTIFICATE OUT.  Only names made of harmless characters are filled in.
  identities = ''
    set -eu
    template=$1 certificate=$2 out=$3
    name=$(openssl x509 -in "$certificate" -noout -subject -nameopt RFC2253)
    namespace=$(printf '%s\n' "$name" | sed -n 's/^subject=CN=[a-z0-9-]*,OU=\(s-[a-z2-7]*\),O=[a-z0-9.-]*$/\1/p')
    trust=$(printf '%s\n' "$name" | sed -n 's/^subject=CN=[a-z0-9-]*,OU=s-[a-z2-7]*,O=\([a-z0-9.-]*\)$/\1/p')
    if [ -z "$namespace" ] || [ -z "$trust" ]; then
      echo "$certificate: its name is '$name', not CN=INSTANCE,OU=NAMESPACE,O=TRUST DOMAIN: is it the platform's?" >&2
      exit 1
    fi
    sed -e "s/@NAMESPACE@/$namespace/" -e "s/@TRUST@/$trust/" "$template" > "$out.new"
    mv "$out.new" "$out"
  '';
}
