{
  description = "Seed: write a flake, git push, and it boots in a virtual machine of its own";

  # No flake.lock is kept with the sources yet: run `nix flake lock` where nixpkgs can be reached, and commit it.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
  inputs.sops-nix = { url = "github:Mic92/sops-nix"; inputs.nixpkgs.follows = "nixpkgs"; };

  outputs = { self, nixpkgs, sops-nix }: let
    inherit (nixpkgs) lib;
    system = "x86_64-linux";      # the guest image and the runtime are for this one
    pkgs = nixpkgs.legacyPackages.${system};
    # A platform publishes this flake without the sources of its programs: then there are no packages, and all the rest works.
    withSources = set: if builtins.pathExists ./CMakeLists.txt then set else { };
    mkSeed = import ./nixos/lib/mk-seed.nix {
      inherit lib;
      inherit (lib) nixosSystem;
      modules = [ sops-nix.nixosModules.sops ];
    };
    # The instances of a template, with this flake as their input and a key in .authorized_keys.
    instancesOf = name: ((import (./templates + "/${name}/flake.nix")).outputs {
      seed = self // { lib = self.lib // { mkSeed = arguments: mkSeed (arguments // { checkKeys = false; }); }; };
    }).seeds;
  in {
    lib = import ./nixos/lib // {
      inherit mkSeed;
      mkInstance = mkSeed;
      mkImage = arguments: (mkSeed arguments).image;
      # Every option of an instance as data: `nix eval .#lib.options --json`.
      options = import ./nixos/lib/options.nix { inherit lib; options = (mkSeed { name = "options"; module = { }; }).options.seed; };
    };

    nixosModules = {
      default = { pkgs, ... }: {
        imports = [ ./nixos/module.nix ];
        services.seed.package = lib.mkDefault (self.packages.${pkgs.stdenv.hostPlatform.system}.seed or (throw
          "services.seed.package is not set: the flake that a platform publishes has no programs; use the Seed repository itself as input, on x86_64-linux"));
      };
      cloud-hypervisor = ./nixos/profiles/cloud-hypervisor.nix;
      instance = { imports = [ ./nixos/instance ]; };
    };

    inherit ((import ./templates/flake.nix).outputs { }) templates;

    packages.${system} = withSources (import ./nixos/packages { inherit pkgs; source = self; });

    devShells.${system} = withSources {
      default = pkgs.mkShell {
        inputsFrom = [ self.packages.${system}.seed ];
        packages = with pkgs; [ ccache mold gdb clang-tools qemu_kvm erofs-utils e2fsprogs nftables iproute2 passt pdns busybox jq sops age git ];
      };
    };

    apps.${system} = withSources {
      default = { type = "app"; program = "${self.packages.${system}.seed}/bin/seed"; };
      # A whole test node in a virtual machine of this host.
      vm = { type = "app"; program = "${self.nixosConfigurations.vm.config.system.build.vm}/bin/run-node-vm"; };
    };

    nixosConfigurations = withSources {
      vm = lib.nixosSystem { inherit system; modules = [ self.nixosModules.default ./nixos/vm.nix ]; };
    };

    checks.${system} = {
      # The rules without nixpkgs, by the Nix that is under test.
      templates = pkgs.writeText "templates.json" (builtins.toJSON (lib.genAttrs [ "instance" "instance-caddy" "instance-api" "multi" ]
        (name: lib.mapAttrs (_: seed: seed.meta) (instancesOf name))));
    } // withSources (self.packages.${system} // {
      node = import ./nixos/tests/node.nix { inherit pkgs; module = self.nixosModules.default; };
    });
  };
}
