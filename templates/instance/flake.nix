{
  description = "A static site: one instance with nginx";

  # The platform's own flake: mkSeed, the seed.* options, and the nixpkgs it was tried with.
  inputs.seed.url = "git+ssh://silo.example.org/seed.git";
  inputs.nixpkgs.follows = "seed/nixpkgs";

  outputs = { seed, ... }: {
    # One entry is one virtual machine.  `nix eval .#seeds.web.meta --json` checks it without building anything.
    seeds.web = seed.lib.mkSeed {
      name = "web";
      module = ./web.nix;
    };
  };
}
