{
  description = "A host that runs the Seed platform";

  # The Seed repository itself, with the sources of its programs.  (What a platform publishes as seed.git has none.)
  inputs.seed.url = "git+https://git.example.org/seed.git";
  inputs.nixpkgs.follows = "seed/nixpkgs";

  outputs = { nixpkgs, seed, ... }: {
    # sudo nixos-rebuild switch --flake .#node
    nixosConfigurations.node = nixpkgs.lib.nixosSystem {
      system = "x86_64-linux";
      modules = [ seed.nixosModules.default ./node.nix ];
    };
  };
}
