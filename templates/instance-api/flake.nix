{
  description = "A service with a secret that only its own machine can read";

  # The platform's own flake: mkSeed, the seed.* options, and the nixpkgs it was tried with.
  inputs.seed.url = "git+ssh://silo.example.org/seed.git";
  inputs.nixpkgs.follows = "seed/nixpkgs";

  outputs = { seed, ... }: {
    seeds.api = seed.lib.mkSeed {
      name = "api";
      module = ./api.nix;
    };
  };
}
