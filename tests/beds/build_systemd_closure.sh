#!/bin/bash
# Makes a flake whose one instance, `web`, is Debian's own systemd with journald, nginx, dropbear and an nftables firewall: the guest
# contract proven with a real init, without nixpkgs.
#
#   build_systemd_closure.sh OUT
#
# OUT becomes flake.nix, tree.tar.xz (Debian's files) and bb/busybox.  Needs root (mmdebstrap), mmdebstrap, xz-utils, busybox-static.
set -euo pipefail
mkdir -p "$1"; out=$(readlink -f "$1"); work=$(mktemp -d -p "$out"); trap 'rm -rf --one-file-system "$work"' EXIT
. "$(dirname "$0")/../../tools/debian-sources.sh"; mapfile -t sources < <(debian_sources)
without=--dpkgopt=path-exclude=/usr/share
packages=systemd,libpam-systemd,dbus,nginx-light,nftables,dropbear-bin,kmod,iproute2,coreutils,bash,dash,util-linux,mount,base-passwd,base-files,grep,sed,procps,busybox-static

mmdebstrap --quiet --variant=extract --mode=root --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --include=$packages $without/man/* \
    $without/doc/* $without/locale/* bookworm "$work/all.tar" "${sources[@]}"
all=$work/all tree=$work/tree; mkdir "$all" "$tree"; tar -C "$all" -xf "$work/all.tar"; rm "$work/all.tar"
cp -a "$all/usr" "$tree/usr"
rm -rf "$tree"/usr/lib/x86_64-linux-gnu/{gconv,perl*} "$tree"/usr/share/{perl,perl5,bash-completion,zoneinfo,bug,debconf} \
    "$tree"/usr/lib/{udev/hwdb.d,apt,modules} "$tree"/usr/bin/perl*
ln -s /run/booted-system/kernel-modules/lib/modules "$tree/usr/lib/modules"        # the kernel's modprobe looks here

etc=$tree/etc units=$tree/etc/systemd/system; mkdir -p "$units"/{multi-user,sysinit}.target.wants "$etc/nginx" "$etc/dropbear"
cp "$all/usr/share/base-passwd/passwd.master" "$etc/passwd"; cp "$all/usr/share/base-passwd/group.master" "$etc/group"
echo 'root::19000::::::' >"$etc/shadow"
printf '%s\n' 'messagebus:x:100:100::/nonexistent:/bin/false' 'systemd-network:x:998:998::/:/bin/false' >>"$etc/passwd"
printf '%s\n' messagebus:x:100: systemd-network:x:998: systemd-journal:x:999: render:x:101: sgx:x:102: kvm:x:103: >>"$etc/group"
cp -a "$all"/etc/{pam.conf,pam.d,security,dbus-1} "$etc/"; cp -a "$all"/etc/systemd/*.conf "$etc/systemd/"; cp "$all/etc/nginx/mime.types" "$etc/nginx/"
cp -L "$all/etc/os-release" "$etc/os-release"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$etc/nsswitch.conf"; : >"$etc/fstab"
cat >"$etc/nginx/nginx.conf" <<'N'
user www-data; worker_processes 1; pid /run/nginx.pid; error_log stderr;
events { worker_connections 64; }
http {
  access_log syslog:server=unix:/dev/log,nohostname;
  server { listen 80; listen [::]:80; location / { return 200 "hello from systemd\n"; } }
  server { listen 8080; listen [::]:8080; location / { return 200 "behind the firewall\n"; } }
}
N
cat >"$etc/nftables.conf" <<'N'
flush ruleset
table inet filter {
  chain input {
    type filter hook input priority 0; policy drop
    ct state established,related accept
    iif lo accept
    meta l4proto 58 accept
    tcp dport { 22, 80 } accept
  }
}
N
printf '[Unit]\nAfter=nftables.service\nRequires=nftables.service\n[Service]\nExecStart=/usr/sbin/nginx -g "daemon off;" -e stderr\n' >"$units/nginx.service"
printf '[Service]\nExecStart=/usr/sbin/dropbear -F -E -R -s\n' >"$units/dropbear.service"
printf '[Unit]\nDefaultDependencies=no\nBefore=network-pre.target basic.target\nWants=network-pre.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/sbin/nft -f /etc/nftables.conf\n' >"$units/nftables.service"
ln -s ../nginx.service ../dropbear.service "$units/multi-user.target.wants/"; ln -s ../nftables.service "$units/sysinit.target.wants/"
ln -s /usr/lib/systemd/system/multi-user.target "$units/default.target"
for unit in systemd-udevd.service systemd-udev-trigger.service systemd-udevd-kernel.socket systemd-udevd-control.socket \
    modprobe@{configfs,dm_mod,drm,fuse,loop,efi_pstore}.service dev-{hugepages,mqueue}.mount sys-kernel-{debug,tracing,config}.mount \
    sys-fs-fuse-connections.mount kmod-static-nodes.service systemd-modules-load.service systemd-journal-flush.service \
    systemd-update-utmp{,-runlevel}.service systemd-random-seed.service systemd-sysusers.service systemd-tmpfiles-setup-dev.service \
    systemd-remount-fs.service systemd-binfmt.service systemd-machine-id-commit.service proc-sys-fs-binfmt_misc.automount getty.target \
    systemd-ask-password-{console,wall}.path systemd-tmpfiles-clean.timer systemd-firstboot.service systemd-pstore.service \
    cryptsetup.target veritysetup.target integritysetup.target systemd-initctl.socket; do
    ln -sf /dev/null "$units/$unit"
done
chmod -R go-w,u+rwX "$tree"
tar -C "$tree" --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner -c . | xz -T2 -4 >"$out/tree.tar.xz"
mkdir -p "$out/bb"; cp /usr/bin/busybox "$out/bb/busybox"

cat >"$out/flake.nix" <<'N'
{
  outputs = { self }: let
    bb = builtins.path { path = ./bb; name = "bb"; };
    derive = args: builtins.derivation ({ system = "x86_64-linux"; builder = "${bb}/busybox"; bb = "${bb}/busybox"; } // args);
    tree = derive {
      name = "debian-systemd";
      archive = builtins.path { path = ./tree.tar.xz; name = "tree.tar.xz"; };
      args = [ "sh" "-ec" "$bb mkdir $out; $bb xzcat $archive | $bb tar -x -C $out" ];
    };
    initText = ''
      #!${bb}/busybox sh
      B=${bb}/busybox; T=${tree}
      $B mkdir -p /usr /etc /var/log/nginx /var/lib/nginx /var/lib/systemd /var/tmp /root /home /tmp /srv
      $B chmod 1777 /tmp /var/tmp; $B ln -s /run /var/run
      $B mount --bind $T/usr /usr
      for folder in bin sbin lib lib64; do $B ln -s usr/$folder /$folder; done
      $B cp -a $T/etc/. /etc/; $B chmod -R u+w /etc
      $B tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
      exec /usr/lib/systemd/systemd
    '';
    toplevel = derive {
      name = "seed-system-web";
      inherit initText tree;
      args = [ "sh" "-ec" "$bb mkdir $out; printf %s \"$initText\" > $out/init; $bb chmod 755 $out/init" ];
    };
  in {
    seeds.web = {
      inherit toplevel;
      meta = { name = "web"; size = "xs"; expose.http = { port = 80; protocol = "http"; }; };
    };
  };
}
N
