# Downloads with a wrong hash, to learn the right one from the message.
# ends: evaluate
# says: no network
builtins.readFile (builtins.fetchurl { url = "http://127.0.0.1:@PORT@/secret"; sha256 = "0000000000000000000000000000000000000000000000000000000000000000"; })
