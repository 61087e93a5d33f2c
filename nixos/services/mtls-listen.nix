# The command that listens on localhost for seed.services.mtlsProxy and starts CONNECT (mtls-connect.nix) for each connection.
{ socat, listen, connections, connect }:
"${socat} TCP4-LISTEN:${toString listen},bind=127.0.0.1,reuseaddr,fork,max-children=${toString connections} EXEC:${connect}"
