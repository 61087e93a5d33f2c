#!/bin/bash
# Builds the Debian 12 test guest: systemd as PID 1, a shell behind a virtio-serial port, root file system as read-only erofs with a
# tmpfs above it.  tests/lib/debian_guest.py runs it, keeps the result by the hash of this file, and boots it.
#
#   build_debian_guest.sh OUT KERNEL_CACHE SOURCE_DIR [MORE,PACKAGES]
#
# Needs root, mmdebstrap, erofs-utils, busybox-static, cpio, lz4, kmod.
set -euo pipefail
kernel_cache=$2 source_dir=$3 more=${4:-}
mkdir -p "$1"; out=$(readlink -f "$1"); work=$(mktemp -d -p "$out"); trap 'rm -rf --one-file-system "$work"' EXIT
export PATH=$PATH:/usr/sbin:/sbin

# Kernel, modules and the start of the initrd come from the product's own maker of guest images.
cat >"$work/init" <<'X'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev; $b mount -t proc proc /proc; $b mount -t sysfs sys /sys
for module in /mod/*.ko; do $b insmod $module; done
$b ip link set lo up; $b ip addr add 10.0.2.15/24 dev eth0; $b ip link set eth0 up; $b ip route add default via 10.0.2.2
$b mkdir -p /lower /rw /new /modules
$b mount -t erofs -o ro /dev/vda /lower; $b mount -t erofs -o ro /dev/vdb /modules
$b insmod /modules/lib/modules/$($b uname -r)/kernel/fs/overlayfs/overlay.ko
$b mount -t tmpfs -o mode=755,size=80% rw /rw; $b mkdir /rw/upper /rw/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work over /new
$b mount --move /modules /new/run/modules 2>/dev/null || { $b mkdir -p /new/modules; $b mount --move /modules /new/modules; }
$b ln -s /modules/lib/modules/$($b uname -r) /new/lib/modules/$($b uname -r)
for folder in dev proc sys; do $b mount --move /$folder /new/$folder; done
exec $b switch_root -c /dev/console /new /sbin/init
X
chmod 755 "$work/init"
"$source_dir/tools/guest-image/build" "$out" "$kernel_cache" "$work/init"
mkdir -p "$work/add/bin"; cp /usr/bin/busybox "$work/add/bin/busybox"
(cd "$work/add"; find . | cpio -o -H newc --quiet -R 0:0) >>"$out/initrd.cpio"     # archives may follow each other

packages=systemd,systemd-sysv,dbus,libpam-systemd,udev,openssh-server,iproute2,nftables,ca-certificates,curl,procps,kmod,apt-utils${more:+,$more}
. "$source_dir/tools/debian-sources.sh"; mapfile -t sources < <(debian_sources)
without=--dpkgopt=path-exclude=/usr/share
mmdebstrap --quiet --variant=minbase --mode=root --include="$packages" $without/man/* $without/doc/* $without/locale/* $without/info/* \
    bookworm "$work/guest.tar" "${sources[@]}"
root=$work/root; mkdir "$root"; tar -C "$root" -xf "$work/guest.tar"; rm "$work/guest.tar"
chmod 755 "$root"

[ -f "$out/key" ] || ssh-keygen -q -t ed25519 -N '' -C seed-test -f "$out/key"
echo seedtest >"$root/etc/hostname"; echo '127.0.0.1 localhost seedtest' >"$root/etc/hosts"; : >"$root/etc/fstab"
echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
mkdir -p -m700 "$root/root/.ssh"; cp "$out/key.pub" "$root/root/.ssh/authorized_keys"; echo 'UseDNS no' >"$root/etc/ssh/sshd_config.d/test.conf"
rm -f "$root"/etc/ssh/ssh_host_* "$root"/etc/apt/sources.list.d/*; ssh-keygen -q -t ed25519 -N '' -f "$root/etc/ssh/ssh_host_ed25519_key"
echo 'deb [trusted=yes] file:/srv/repo ./' >"$root/etc/apt/sources.list"; mkdir -p "$root/srv/repo" "$root/lib/modules"
tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"

cat >"$root/usr/local/sbin/test-agent" <<'X'
#!/bin/bash
# One line "ID BASE64(script)" in, one line "ID STATUS BASE64(output)" out.
for port in /dev/vport*; do [ "$(cat /sys/class/virtio-ports/${port##*/}/name)" = test.control ] && found=$port; done
exec 3<>"$found"; echo UP >&3
while :; do
  read -r id script <&3 || { sleep 0.05; continue; }
  output=$(base64 -d <<<"$script" | bash 2>&1 | base64 -w0; exit ${PIPESTATUS[1]})
  echo "$id $? $output" >&3
done
X
chmod +x "$root/usr/local/sbin/test-agent"; units=$root/etc/systemd/system
printf '[Unit]\nAfter=ssh.service\n[Service]\nExecStart=/usr/local/sbin/test-agent\nStandardOutput=null\nRestart=always\n' >"$units/test-agent.service"
mkdir -p "$units/multi-user.target.wants"; ln -sf ../test-agent.service "$units/multi-user.target.wants/"
ln -sf /lib/systemd/system/multi-user.target "$units/default.target"
rm -rf "$units/timers.target.wants" "$units/getty.target.wants"
# Without these 5 s to the first command instead of 9.5 s.
for unit in systemd-udevd.service systemd-udev-trigger.service systemd-udevd-kernel.socket systemd-udevd-control.socket \
    modprobe@{configfs,dm_mod,drm,fuse,loop,efi_pstore}.service dev-{hugepages,mqueue}.mount sys-kernel-{debug,tracing,config}.mount \
    sys-fs-fuse-connections.mount kmod-static-nodes.service systemd-modules-load.service systemd-journal-flush.service \
    systemd-update-utmp{,-runlevel}.service systemd-random-seed.service systemd-sysusers.service systemd-tmpfiles-setup-dev.service \
    systemd-remount-fs.service systemd-binfmt.service systemd-machine-id-commit.service proc-sys-fs-binfmt_misc.automount getty.target \
    systemd-ask-password-{console,wall}.path systemd-tmpfiles-clean.timer systemd-firstboot.service systemd-pstore.service \
    apt-daily{,-upgrade}.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer; do
    ln -sf /dev/null "$units/$unit"
done
mkfs.erofs -T0 "$out/guest.erofs.new" "$root" >/dev/null
cp "$root/var/lib/dpkg/status" "$out/dpkg-status"
mv "$out/guest.erofs.new" "$out/guest.erofs"
