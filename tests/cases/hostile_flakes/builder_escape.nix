# A builder tries the usual ways out.
# as: toplevel
# ends: build
# says: still inside
sh ''
  mkdir m; mount -t tmpfs none m && touch @TOUCHED@
  for p in /proc/[0-9]*; do cat $p/root@SECRET@ 2>/dev/null && exit 0; done
  chroot /proc/1/root cat @SECRET@ 2>/dev/null && exit 0
  mknod d b 7 0 2>/dev/null && echo made a device
  echo still inside; exit 1
''
