# A builder looks for files of the host and of the box.
# as: toplevel
# ends: build
# says: nothing of the host
sh ''
  for f in @SECRET@ /etc/shadow /root /home /work /usr/bin/nix /src/flake.nix /nix/var/nix/db/db.sqlite; do
    test -e $f && { echo found $f; cat $f > $out; exit 0; }
  done
  test $(id -u) = 0 && echo I am root
  echo nothing of the host; exit 1
''
