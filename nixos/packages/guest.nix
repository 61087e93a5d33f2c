# What machines boot from, made by the same script as on Debian (tools/guest-image/build) from a kernel of nixpkgs.
# The script takes a Debian package, so the kernel is put into one.
{ pkgs, source, seed-guest }:
let
  kernel = pkgs.linux_6_12.override {
    structuredExtraConfig = with pkgs.lib.kernel; {
      EXT4_FS = yes;
      IPV6 = yes;
      PACKET = yes;
      UNIX = yes;
      PVH = yes;
      SERIAL_8250_CONSOLE = yes;
      KERNEL_LZ4 = yes;
      KERNEL_XZ = pkgs.lib.mkForce no;
      KERNEL_ZSTD = pkgs.lib.mkForce no;
      MODULE_COMPRESS = pkgs.lib.mkForce no;
    };
  };
  version = kernel.modDirVersion;
in
pkgs.runCommand "seed-guest-image-${version}" { nativeBuildInputs = with pkgs; [ dpkg lz4 kmod binutils cpio erofs-utils python3 util-linux ]; } ''
  mkdir -p package/DEBIAN package/boot package/lib cache
  printf 'Package: linux-image-nix\nVersion: 1\nArchitecture: amd64\nMaintainer: none <none@seed.invalid>\nDescription: kernel\n' > package/DEBIAN/control
  cp -r ${kernel.modules or kernel}/lib/modules package/lib/modules
  chmod -R u+w package/lib
  cp ${kernel}/bzImage package/boot/vmlinuz-${version}
  cp ${kernel.configfile} package/boot/config-${version}
  dpkg-deb --root-owner-group -b package cache/linux-image-nix.deb
  bash ${source}/tools/guest-image/build $out cache ${seed-guest}/bin/seed-guest
''
