#!/usr/bin/env python3
"""What seed.services.postgresql generates, run by Debian's PostgreSQL: certificates are identities, ro roles only read, init is idempotent.

The SQL, pg_hba.conf, pg_ident.conf and the script that fills in the latter come from nixos/services/postgresql/rules.nix; the
certificates have the names that the platform gives.  The last part is the proxy of seed.services.mtlsProxy in front of it.
"""
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from nix_side import evaluate, skip

bins = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
if not bins or not os.path.exists(f"{bins[-1]}/postgres"):
    skip("needs a PostgreSQL server (Debian: postgresql-15)")
for program in ("openssl", "sh"):
    if not shutil.which(program):
        skip(f"needs {program}")
SERVER = bins[-1]
OWN, OTHER = "s-" + "a" * 26, "s-" + "b" * 26
TRUST = "seed.example.org"
DATABASES = {"myapp": {"clients": {"api": {"role": "myapp_rw"}, "worker": {"role": "myapp_rw"}, "report": {"role": "myapp_ro", "namespace": OTHER}}},
             "shop": {"clients": {"api": {"role": "shop_rw"}}},
             "zitadel": {"clients": {"id": {"role": "zitadel_rw"}}}}
# What Zitadel's two steps ask of the database (its cmd/initialise and setup), as the role that its instance is mapped to.
ZITADEL = """#!/usr/bin/env python3
import json, os, subprocess, sys
words = sys.argv[1:]
config = json.load(open(words[words.index("--config") + 1]))["Database"]["postgres"]
assert config["User"]["SSL"]["Mode"] == "disable" and config["Admin"] == config["User"], config
def sql(text):
    subprocess.run(["PSQL", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", f"host={config['Host']} port={config['Port']} user={config['User']['Username']} "
                    f"dbname={config['Database']} sslmode=disable connect_timeout=30"], input=text, text=True, check=True, timeout=100)
if words[:2] == ["init", "zitadel"]:
    for schema in ("system", "projections", "eventstore"):
        sql(f"CREATE SCHEMA IF NOT EXISTS {schema}; GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {config['User']['Username']};")
    sql("CREATE TABLE IF NOT EXISTS eventstore.events2 (n int); CREATE SEQUENCE IF NOT EXISTS eventstore.system_seq;")
else:
    assert words[0] == "start-from-setup" and words[words.index("--tlsMode") + 1] == "external", words
    with open(words[words.index("--masterkeyFile") + 1]) as key:
        assert len(key.read()) == 32
    sql("CREATE TABLE IF NOT EXISTS projections.users (id text); ALTER TABLE projections.users ADD COLUMN IF NOT EXISTS name text; INSERT INTO eventstore.events2 VALUES (1);")
    print("started", os.getuid())
"""

# Names that would break out of the SQL or of a line are refused before anything is generated.
for name in ['a"; DROP DATABASE x; --', "a'b", "a\nb", "postgres", "pg_x", "1a", "A", "", "x" * 57]:
    assert evaluate("(import ./nixos/services/postgresql/rules.nix).mistakes { ${input}.clients = { }; }", name), name
    assert evaluate("(import ./nixos/services/postgresql/rules.nix).mistakes { d.clients.api.role = input; }", name), name
for broken in [{"clients": {"Api": {"role": "r"}}}, {"clients": {"api": {"role": "r", "namespace": "s-1"}}}, {"clients": {"api": {"role": "d_owner"}}},
               {"clients": {"api": {"role": "d"}}}, {"clients": {"a": {"role": "r", "access": "ro"}, "b": {"role": "r", "access": "rw"}}}]:
    assert evaluate("(import ./nixos/services/postgresql/rules.nix).mistakes { d = input; }", broken), broken
assert evaluate("(import ./nixos/services/postgresql/rules.nix).mistakes input", DATABASES) == []


def generated(databases):
    return evaluate("let r = import ./nixos/services/postgresql/rules.nix; in"
                    " { sql = r.sql input; hba = r.hba input; ident = r.ident input; inherit (r) identities; }", databases)


with tempfile.TemporaryDirectory(prefix="seed-pg-", dir="/tmp") as folder:
    os.chmod(folder, 0o755)
    root = os.geteuid() == 0
    if root:
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            user = pwd.getpwnam("nobody")
        dropped = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        superuser, uid, gid = user.pw_name, user.pw_uid, user.pw_gid
    else:
        dropped, superuser, uid, gid = [], pwd.getpwuid(os.getuid()).pw_name, os.getuid(), os.getgid()

    def run(*command, check=True, **how):
        result = subprocess.run(command, capture_output=True, text=True, timeout=100, **how)
        assert not check or result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
        return result

    def write(name, text, mode=0o644):
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)
        os.chmod(f"{folder}/{name}", mode)
        if root:
            os.chown(f"{folder}/{name}", uid, gid)
        return f"{folder}/{name}"

    # An authority and certificates as the platform names them: CN=INSTANCE,OU=NAMESPACE,O=TRUST DOMAIN.
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=Test CA",
        "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")

    def certificate(where, instance, namespace, names=""):
        os.makedirs(f"{folder}/{where}", exist_ok=True)
        os.chmod(f"{folder}/{where}", 0o755)
        base = f"{folder}/{where}"
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            f"/O={TRUST}/OU={namespace}/CN={instance}", "-keyout", f"{base}/key.pem", "-out", f"{base}/request.pem")
        write("extensions", f"subjectAltName=URI:spiffe://{TRUST}/{namespace}/{instance}{names}\n")
        run("openssl", "x509", "-req", "-in", f"{base}/request.pem", "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", f"{folder}/extensions", "-out", f"{base}/cert.pem")
        shutil.copy(f"{folder}/ca.pem", f"{base}/ca.pem")
        for name in ("key.pem", "cert.pem", "ca.pem"):
            os.chmod(f"{base}/{name}", 0o600 if name == "key.pem" else 0o644)
            if root and where == "server":
                os.chown(f"{base}/{name}", uid, gid)

    certificate("server", "postgres", OWN, ",DNS:postgres")
    for where, instance, namespace in [("api", "api", OWN), ("worker", "worker", OWN), ("report", "report", OTHER), ("thief", "api", OTHER), ("guest", "web", OWN), ("id", "id", OWN)]:
        certificate(where, instance, namespace)

    made = generated(DATABASES)
    hba = write("pg_hba.conf", made["hba"].replace("local all postgres peer", f"local all {superuser} peer"))
    write("template", made["ident"])
    script = write("identities", made["identities"])
    run("sh", script, f"{folder}/template", f"{folder}/server/cert.pem", f"{folder}/pg_ident.conf")
    with open(f"{folder}/pg_ident.conf") as file:
        ident = file.read()
    assert f'seed "CN=api,OU={OWN},O={TRUST}" "myapp_rw"' in ident and f'seed "CN=report,OU={OTHER},O={TRUST}" "myapp_ro"' in ident and "@" not in ident, ident
    # A certificate whose name is not the platform's is no source of identities.
    certificate("odd", "Evil", OWN)
    odd = run("sh", script, f"{folder}/template", f"{folder}/odd/cert.pem", f"{folder}/odd.conf", check=False)
    assert odd.returncode == 1 and "is it the platform's?" in odd.stderr and not os.path.exists(f"{folder}/odd.conf"), odd

    os.makedirs(f"{folder}/data", mode=0o700)
    os.makedirs(f"{folder}/sockets")
    if root:
        for name in ("data", "sockets", "pg_ident.conf"):
            os.chown(f"{folder}/{name}", uid, gid)
    run(*dropped, f"{SERVER}/initdb", "-D", f"{folder}/data", "-U", superuser, "-A", "peer", "--no-sync", "-E", "UTF8", "--locale=C", cwd=folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": f"{folder}/sockets", "hba_file": hba,
               "ident_file": f"{folder}/pg_ident.conf", "ssl": "on", "ssl_cert_file": f"{folder}/server/cert.pem", "ssl_key_file": f"{folder}/server/key.pem",
               "ssl_ca_file": f"{folder}/server/ca.pem", "fsync": "off"}
    server = subprocess.Popen([*dropped, f"{SERVER}/postgres", "-D", f"{folder}/data", *(word for name, value in options.items() for word in ("-c", f"{name}={value}"))],
                              stdout=subprocess.DEVNULL, stderr=open(f"{folder}/log", "w"), cwd=folder)
    started = []
    try:
        def admin(file=None, sql=None, database="postgres"):
            return run(*dropped, f"{SERVER}/psql", "--no-psqlrc", "--quiet", "-h", f"{folder}/sockets", "-p", str(port), "-U", superuser, "-d", database,
                       *(["-f", file] if file else ["-At", "-c", sql]), cwd="/")

        end = time.monotonic() + 60
        while run(*dropped, f"{SERVER}/pg_isready", "-h", f"{folder}/sockets", "-p", str(port), check=False).returncode:
            assert time.monotonic() < end and server.poll() is None, open(f"{folder}/log").read()
            time.sleep(0.1)

        def ask(who, role, database, sql, host="127.0.0.1", at=None, tls="verify-full"):
            environment = {"PATH": os.environ["PATH"], "HOME": folder, "PGCONNECT_TIMEOUT": "20"}
            words = {"host": "postgres" if tls == "verify-full" else host, "hostaddr": host, "port": at or port, "user": role, "dbname": database, "sslmode": tls}
            if who:
                words |= {"sslcert": f"{folder}/{who}/cert.pem", "sslkey": f"{folder}/{who}/key.pem", "sslrootcert": f"{folder}/ca.pem"}
            # From stdin, so that each statement is a transaction of its own.
            return run(f"{SERVER}/psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", " ".join(f"{name}={value}" for name, value in words.items()),
                       check=False, env=environment, input=sql)

        def allowed(*how, **more):
            result = ask(*how, **more)
            assert result.returncode == 0, (how, result.stderr, open(f"{folder}/log").read()[-2000:])
            return result.stdout.strip()

        def refused(words, *how, **more):
            result = ask(*how, **more)
            assert result.returncode != 0 and words in result.stderr, (how, words, result.stdout, result.stderr)

        init = write("init.sql", made["sql"])
        admin(file=init)
        allowed("api", "myapp_rw", "myapp", "CREATE TABLE a (n int); INSERT INTO a VALUES (1)")
        admin(file=init)                                                     # as often as one likes
        admin(file=init)

        # Those with one role share everything; what is made later is read as well.
        allowed("worker", "myapp_rw", "myapp", "INSERT INTO a VALUES (2); CREATE TABLE b (n int); INSERT INTO b VALUES (7)")
        assert allowed("api", "myapp_rw", "myapp", "SELECT n FROM b") == "7"
        assert allowed("report", "myapp_ro", "myapp", "SELECT sum(n) FROM a") == "3"
        assert allowed("report", "myapp_ro", "myapp", "SELECT n FROM b") == "7"

        # A ro role only reads, whatever it says of itself.
        for sql in ("INSERT INTO a VALUES (9)", "SET default_transaction_read_only = off; INSERT INTO a VALUES (9)", "UPDATE a SET n = 0", "TRUNCATE a",
                    "SET default_transaction_read_only = off; CREATE TABLE c (n int)", "SET default_transaction_read_only = off; CREATE TEMPORARY TABLE c (n int)",
                    "SET ROLE myapp_owner", "SET ROLE myapp_rw", "DROP TABLE a", "SET default_transaction_read_only = off; CREATE SCHEMA s",
                    "SET default_transaction_read_only = off; GRANT ALL ON a TO myapp_ro; INSERT INTO a VALUES (9)", "COPY a FROM PROGRAM 'id'"):
            result = ask("report", "myapp_ro", "myapp", sql)
            assert result.returncode != 0 and ("permission denied" in result.stderr or "read-only" in result.stderr or "must be" in result.stderr), (sql, result)
        assert allowed("api", "myapp_rw", "myapp", "SELECT sum(n) FROM a") == "3"
        # A rw role is no administrator.
        for sql in ("CREATE ROLE x", "CREATE DATABASE x", "COPY a FROM PROGRAM 'id'", "SELECT pg_read_file('/etc/passwd')", "SET ROLE " + superuser):
            result = ask("api", "myapp_rw", "myapp", sql)
            assert result.returncode != 0 and ("permission denied" in result.stderr or "must be superuser" in result.stderr), (sql, result)

        # Who is who: another role, another database, another namespace, nobody.
        refused("certificate authentication failed", "api", "myapp_ro", "myapp", "SELECT 1")
        refused("certificate authentication failed", "report", "myapp_rw", "myapp", "SELECT 1")
        refused("certificate authentication failed", "thief", "myapp_rw", "myapp", "SELECT 1")
        refused("certificate authentication failed", "guest", "myapp_rw", "myapp", "SELECT 1")
        refused("pg_hba.conf rejects", "report", "myapp_ro", "shop", "SELECT 1")
        refused("pg_hba.conf rejects", "api", "myapp_owner", "myapp", "SELECT 1")
        refused("pg_hba.conf rejects", "api", superuser, "postgres", "SELECT 1")
        refused("pg_hba.conf rejects", None, "myapp_rw", "myapp", "SELECT 1", tls="disable")
        refused("certificate", None, "myapp_rw", "myapp", "SELECT 1", tls="require")
        assert allowed("api", "shop_rw", "shop", "SELECT current_user, session_user") == "shop_owner|shop_rw"

        # From rw to ro: the next init takes away what the role had.
        DATABASES["shop"]["clients"]["api"]["access"] = "ro"
        allowed("api", "shop_rw", "shop", "CREATE TABLE s (n int)")
        admin(file=write("init2.sql", generated(DATABASES)["sql"]))
        refused("permission denied", "api", "shop_rw", "shop", "SET default_transaction_read_only = off; INSERT INTO s VALUES (1)")
        assert allowed("api", "shop_rw", "shop", "SELECT count(*) FROM s") == "0"

        # The proxy's connection: a program without a certificate speaks plainly to it and is the instance `api`.
        command = evaluate(f"""import ./nixos/services/mtls-connect.nix {{ openssl = "openssl"; host = "127.0.0.1"; port = {port}; startTls = "postgres";
                                serverName = "postgres"; certificates = "{folder}/api"; }}""")
        connect = write("connect", command)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(60)
        local = listener.getsockname()[1]
        client = subprocess.Popen([f"{SERVER}/psql", "--no-psqlrc", "-At", "-c", "SELECT sum(n), session_user FROM a",
                                   f"host=127.0.0.1 port={local} user=myapp_rw dbname=myapp sslmode=disable connect_timeout=30"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"], "HOME": folder})
        accepted, _ = listener.accept()
        proxy = subprocess.Popen(["sh", connect], stdin=accepted, stdout=accepted, stderr=subprocess.PIPE, text=True)
        accepted.close()
        out, err = client.communicate(timeout=60)
        assert out.strip() == "3|myapp_rw", (out, err)
        proxy.communicate(timeout=60)
        # It does not talk to a server with another name.
        wrong = run("sh", write("wrong", command.replace(" postgres -servername postgres", " other -servername other")), check=False, stdin=subprocess.DEVNULL)
        assert wrong.returncode != 0 and not wrong.stdout, wrong

        # The same as it listens in a machine, with socat; Zitadel's start behind it, as its unit has it, twice.
        def listening(who):
            """The proxy of the instance WHO: (process, port).  It belongs to nobody else."""
            with socket.socket() as chosen:
                chosen.bind(("127.0.0.1", 0))
                local = chosen.getsockname()[1]
            script = write(f"connect-{who}", "#!/bin/sh\n" + command.replace(f"{folder}/api/", f"{folder}/{who}/"), 0o755)
            line = evaluate(f"""import ./nixos/services/mtls-listen.nix {{ socat = "socat"; listen = {local}; connections = 20; connect = "{script}"; }}""")
            process = subprocess.Popen(line.split(), stderr=subprocess.DEVNULL, start_new_session=True)
            started.append(process)
            end = time.monotonic() + 60
            while True:                                     # only when it listens is there somebody to be refused by
                with socket.socket() as attempt:
                    if attempt.connect_ex(("127.0.0.1", local)) == 0:
                        return process, local
                assert time.monotonic() < end and process.poll() is None, line
                time.sleep(0.05)

        if shutil.which("socat"):
            volume = f"{folder}/zitadel"
            os.makedirs(volume, mode=0o700)
            program = write("zitadel-program", ZITADEL.replace("PSQL", f"{SERVER}/psql"), 0o755)

            def start_zitadel(local, check=True):
                """ExecStartPre and ExecStart one after the other, as systemd does it; what failed, if something did."""
                config = write("zitadel.yaml", "")
                steps = evaluate(f"""import ./nixos/services/zitadel-start.nix {{ zitadel = "{program}"; key = "{volume}/master-key"; config = "{config}"; }}
                                     // {{ settings = builtins.toJSON ((import ./nixos/services/zitadel-start.nix {{ zitadel = ""; key = ""; config = ""; }}).settings {{
                                       hostname = "id.example.org"; port = 8080; database = {{ name = "zitadel"; role = "zitadel_rw"; localPort = {local}; }}; }}); }}""")
                write("zitadel.yaml", steps["settings"])
                for step in (["sh", write("make-key", steps["makeKey"])], steps["init"].split(), steps["start"].split()):
                    result = run(*step, check=check, env={"PATH": os.environ["PATH"], "HOME": folder})
                    if result.returncode != 0:
                        return result
                assert "started" in result.stdout, result
                return None

            _, local = listening("id")
            open(f"{volume}/master-key", "w").close()          # a machine that lost its power while it was made
            start_zitadel(local)
            with open(f"{volume}/master-key") as key:
                first = key.read()
            assert len(first) == 32 and first.isalnum() and os.stat(f"{volume}/master-key").st_mode & 0o777 == 0o600, first
            start_zitadel(local)                                # each start of the machine does it again
            with open(f"{volume}/master-key") as key:
                assert key.read() == first, "the master key has changed: everything encrypted with it is lost"
            assert admin(sql="SELECT count(*) FROM eventstore.events2", database="zitadel").stdout.strip() == "2"
            assert admin(sql="SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'eventstore'", database="zitadel").stdout.strip() == "zitadel_owner"
            # Another instance's proxy leads to the same server, which knows that it is another one.
            for who in ("guest", "thief"):
                failed = start_zitadel(listening(who)[1], check=False)
                assert failed and "certificate authentication failed" in failed.stderr and "init" in failed.args, (who, failed)
        else:
            print("without socat the proxy was not listening, and Zitadel's start was not played")
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
