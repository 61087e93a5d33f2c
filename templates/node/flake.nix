{
  description = "A host that runs the Seed platform";

  inputs.seed.url = "git+ssh://silo.example.org/seed.git";
  inputs.nixpkgs.follows = "seed/nixpkgs";

  outputs = { nixpkgs, seed, ... }: {
    # sudo nixos-rebuild switch --flake .#node
    nixosConfigurations.node = nixpkgs.lib.nixosSystem {
      system = "x86_64-linux";
      modules = [ seed.nixosModules.default ./node.nix ];
    };
  };
}
