# The init of the test's closure; the test puts the interpreter's line and B=/nix/store/.../busybox before it.
. /run/seed/env
$B mkdir -p /srv /etc
echo 'root:x:0:0::/:/bin/sh' > /etc/passwd
$B sleep 0.3
echo 'web:x:4242:4343::/:/bin/sh' >> /etc/passwd
echo 'web:x:4343:' > /etc/group
if [ -n "$COUNT" ]; then
  echo boot >> /data/boots; $B sync
  echo "boots $($B wc -l < /data/boots)"
  echo "blocks $($B df -m /data | $B awk 'NR==2 {print $2}')"
  while [ "$($B stat -c %u:%g:%a /data)" != 4242:4343:750 ]; do $B sleep 0.05; done
  echo "owner applied"
fi
[ -z "$FLOOD" ] || $B yes "flood flood flood flood flood flood flood flood flood" &
[ -z "$GARBAGE" ] || for p in /dev/vport*; do $B dd if=/dev/urandom of=$p bs=65536 count=4; done &
[ -z "$QUIT" ] || exit 3
echo "hello from $GREETING" > /srv/index.html
trap 'echo asked to stop; exec $B poweroff -f' TERM
$B httpd -f -p "$LISTEN:80" -h /srv &
wait
wait
