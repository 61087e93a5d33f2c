# The programs, the plugins and the guest image, built from the sources with nixpkgs' dependencies.
#
# Nobody has built these yet: they are written where nixpkgs could not be reached.  `nix build .#seed` tells.
{ pkgs, source }:
let
  inherit (pkgs) lib;
  guest = import ./guest.nix { inherit pkgs source seed-guest; };
  common = {
    version = "0.1.0";
    src = lib.cleanSource source;
    nativeBuildInputs = with pkgs; [ cmake ninja pkg-config python3 ];
    buildInputs = with pkgs; [ boost nlohmann_json yaml-cpp libgit2 libssh openssl curl sqlite cli11 fmt spdlog libseccomp libnftnl nftables libarchive
      valijson gtest gbenchmark rapidcheck ];
    # Programs are started by their path, never through PATH: the paths of Debian become those of nixpkgs.
    postPatch = ''
      substituteInPlace plugins/runtime-qemu/plugin.cpp --replace-fail /usr/bin/qemu-system-x86_64 ${pkgs.qemu_kvm}/bin/qemu-system-x86_64
      substituteInPlace plugins/git-silo/conversation.h --replace-fail /usr/bin/git ${pkgs.git}/bin/git
      substituteInPlace plugins/dns-powerdns/managed_server.cpp --replace-fail /usr/sbin/pdns_server ${pkgs.pdns}/bin/pdns_server
      substituteInPlace plugins/dns-rfc2136/*.cpp --replace-quiet /usr/bin/dig ${pkgs.dnsutils}/bin/dig --replace-quiet /usr/bin/nsupdate ${pkgs.dnsutils}/bin/nsupdate
      substituteInPlace plugins/storage-localpath/format.cpp --replace-fail /usr/sbin/mkfs.ext4 ${pkgs.e2fsprogs}/bin/mkfs.ext4
      substituteInPlace plugins/support/net/links.cpp \
        --replace-fail /usr/sbin/ip ${pkgs.iproute2}/bin/ip --replace-fail /usr/sbin/nft ${pkgs.nftables}/bin/nft
    '';
    meta = { description = "Self-hosted microVM platform: git push a flake, get a machine"; license = lib.licenses.mit; platforms = [ "x86_64-linux" ]; };
  };
  seed-guest = pkgs.pkgsStatic.stdenv.mkDerivation (common // {
    pname = "seed-guest";
    postPatch = "";
    dontConfigure = true;
    buildPhase = "$CXX -std=c++20 -O2 -static -I. -Iplugin-api/include -D_GNU_SOURCE core/guest/*.cpp -o seed-guest";
    installPhase = "install -D seed-guest $out/bin/seed-guest";
    buildInputs = [ ];
  });
  seed = pkgs.stdenv.mkDerivation (common // {
    pname = "seed";
    # The guest image comes from nixpkgs' kernel, not from Debian's.
    ninjaFlags = [ "seedd" "seed" "seed-session" "seed-http" "seed-plugin-host" "seed-nix-box" "seed-fetch-proxy" "seed-hook" "seed-net" "seed-edge" "seed-vm"
      "dns-powerdns" "dns-rfc2136" "git-silo" "storage-localpath" "runtime-qemu" ];
    installPhase = ''
      mkdir -p $out/libexec/seed/bin $out/libexec/seed/plugins $out/bin
      for program in seedd seed seed-session seed-http seed-plugin-host seed-nix-box seed-fetch-proxy seed-hook seed-net seed-edge seed-vm; do
        install -m 0755 bin/$program $out/libexec/seed/bin/
      done
      for plugin in dns-powerdns dns-rfc2136 git-silo storage-localpath runtime-qemu; do
        install -m 0644 plugins/$plugin.so plugins/$plugin.json $out/libexec/seed/plugins/
      done
      ln -s ${guest} $out/libexec/seed/guest
      ln -s ../libexec/seed/bin/seedd ../libexec/seed/bin/seed $out/bin/
    '';
    # The schemas are data at evaluation too, for modules that choose plugins.
    passthru.seedPlugins = lib.importJSON ../host/plugins.json;
  });
  # One plugin as a package of its own, for hosts that want only some.
  plugin = name: pkgs.runCommand "seed-plugin-${name}" { passthru.seedPlugins.${name} = (lib.importJSON ../host/plugins.json).${name}; } ''
    install -D -m 0644 -t $out/lib/seed/plugins ${seed}/libexec/seed/plugins/${name}.so ${seed}/libexec/seed/plugins/${name}.json
  '';
in {
  default = seed;
  inherit seed seed-guest guest;
} // lib.genAttrs (lib.attrNames (lib.importJSON ../host/plugins.json)) plugin
