{
  description = "A web frontend and an API backend";

  # The platform's own flake: mkSeed, the seed.* options, and the nixpkgs it was tried with.
  inputs.seed.url = "git+ssh://silo.example.org/seed.git";
  inputs.nixpkgs.follows = "seed/nixpkgs";

  # checkedFlake also looks at what no single instance can see: connections, names and routes between them.
  outputs = { seed, ... }: seed.lib.checkedFlake {
    seeds.web = seed.lib.mkSeed { name = "web"; module = ./web.nix; };
    seeds.api = seed.lib.mkSeed { name = "api"; module = ./api.nix; };
  };
}
