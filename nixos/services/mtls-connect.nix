# sh: one connection from stdin and stdout to a service with mutual TLS.  -quiet: nothing but the service's bytes on stdout.
# -no_ign_eof: it ends when the program has gone.  -nocommands: without it a Q in the stream (PostgreSQL's query message) ends it.
{ openssl, host, port, startTls ? null, serverName, certificates }:
''
  exec ${openssl} s_client -quiet -no_ign_eof -nocommands -verify_quiet -verify_return_error -verify_hostname ${serverName} -servername ${serverName} \
    -CAfile ${certificates}/ca.pem -cert ${certificates}/cert.pem -key ${certificates}/key.pem \
    ${if startTls == null then "" else "-starttls ${startTls} "}-connect ${host}:${toString port}
''
