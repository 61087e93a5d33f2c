{
  description = "A reverse proxy with TLS on a domain of your own";

  # The platform's own flake: mkSeed, the seed.* options, and the nixpkgs it was tried with.
  inputs.seed.url = "git+ssh://silo.example.org/seed.git";
  inputs.nixpkgs.follows = "seed/nixpkgs";

  # checkedFlake also looks at what no single instance can see: here, that the names in web.nix are below a domain of this flake.
  outputs = { seed, ... }: seed.lib.checkedFlake {
    # Domains that belong to this flake.  register = true: the platform buys it; false: you point its NS records at the platform.
    combine.domains."example.com" = { register = false; default = true; };

    seeds.web = seed.lib.mkSeed {
      name = "web";
      module = ./web.nix;
    };
  };
}
