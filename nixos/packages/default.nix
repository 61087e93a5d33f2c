# The programs, the plugins and the guest image, built from the sources with nixpkgs' dependencies.
#
# Nobody has built these yet: they are written where nixpkgs could not be reached.  `nix build .#seed` tells.
{ pkgs, source }:
let
  inherit (pkgs) lib;
  tools = import ./tools.nix { inherit pkgs; };
  guest = import ./guest.nix { inherit pkgs source seed-guest; };
  version = "0.1.0";
  src = lib.cleanSource source;
  meta = { description = "Self-hosted microVM platform: git push a flake, get a machine"; license = lib.licenses.mit; platforms = [ "x86_64-linux" ]; };

  # PID 1's helper in machines: static, as core/guest/CMakeLists.txt makes it.
  seed-guest = pkgs.pkgsStatic.stdenv.mkDerivation {
    pname = "seed-guest";
    inherit version src meta;
    dontConfigure = true;
    buildPhase = ''
      $CXX -std=c++20 -Os -static -ffunction-sections -fno-exceptions -fno-rtti -D_GNU_SOURCE -I. -Iplugin-api/include \
        core/guest/*.cpp -Wl,--gc-sections -s -o seed-guest
    '';
    installPhase = "install -D seed-guest $out/bin/seed-guest";
  };

  seed = pkgs.stdenv.mkDerivation {
    pname = "seed";
    inherit version src meta;
    nativeBuildInputs = with pkgs; [ cmake ninja pkg-config python3 ];
    buildInputs = with pkgs; [ boost nlohmann_json yaml-cpp libgit2 libssh openssl curl sqlite cli11 fmt libseccomp nftables libarchive systemd
      valijson gtest gbenchmark rapidcheck ];
    # Programs are started by their path, never through PATH: the folders of Debian become the one of tools.nix, and what is caged may
    # read the Nix store instead of /usr.
    postPatch = ''
      find core plugins plugin-api -name '*.cpp' -o -name '*.h' | xargs sed -i \
        -e 's,"/usr/s\?bin/,"${tools}/,g' \
        -e 's,"/usr/share/pdns-backend-sqlite3/schema/,"${pkgs.pdns}/share/doc/pdns/,g'
      sed -i 's,{"/usr"\, "/lib"\,,{"/nix/store"\, "/usr"\, "/lib"\,,' plugin-api/util/cage.cpp
    '';
    cmakeFlags = [ "-DCMAKE_INSTALL_PREFIX=/" ];
    # All of the package but the guest image, which comes from nixpkgs' kernel.
    ninjaFlags = [ "platform" ];
    # The same files at the same places as in the Debian package (packaging/CMakeLists.txt), below $out.
    installPhase = ''
      cp -r --no-preserve=mode ${guest} guest
      DESTDIR=$out cmake --install . --component platform --prefix /
      ln -s ../lib/seed/bin/seedd $out/bin/seedd
    '';
    # The schemas are data at evaluation too, for modules that choose plugins.
    passthru.seedPlugins = lib.importJSON ../host/plugins.json;
  };

  # One plugin as a package of its own, for hosts that want only some.
  plugin = name: pkgs.runCommand "seed-plugin-${name}" { passthru.seedPlugins.${name} = (lib.importJSON ../host/plugins.json).${name}; } ''
    install -D -m 0644 -t $out/lib/seed/plugins ${seed}/lib/seed/plugins/${name}.so
  '';
in {
  default = seed;
  inherit seed seed-guest guest tools;
} // lib.genAttrs (lib.attrNames (lib.importJSON ../host/plugins.json)) plugin
