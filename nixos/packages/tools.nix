# The programs that Seed starts, and where nixpkgs has them.  On Debian they are in /usr/bin and /usr/sbin; here in one folder of links.
# tests/nix/packages.py finds each of them named in the sources, and none that is missing here.
{ pkgs }:
pkgs.linkFarm "seed-tools" (pkgs.lib.mapAttrsToList (name: package: { inherit name; path = "${package}/bin/${name}"; }) {
  inherit (pkgs) cloud-hypervisor git nix;
  dig = pkgs.dnsutils;
  nsupdate = pkgs.dnsutils;
  ip = pkgs.iproute2;
  "mkfs.erofs" = pkgs.erofs-utils;
  "mkfs.ext4" = pkgs.e2fsprogs;
  nft = pkgs.nftables;
  nice = pkgs.coreutils;
  nix-store = pkgs.nix;
  pasta = pkgs.passt;
  pdns_server = pkgs.pdns;
  qemu-system-x86_64 = pkgs.qemu_kvm;
  tar = pkgs.gnutar;
})
