# The templates alone, without nixpkgs: `nix flake init -t 'git+ssh://HOST/seed.git?dir=templates#hello'` looks nothing else up.
{
  description = "Seed: flakes to begin with";

  outputs = _: {
    templates = rec {
      default = instance;
      instance = { path = ./instance; description = "one instance: a static site with nginx"; };
      instance-caddy = { path = ./instance-caddy; description = "one instance: Caddy with TLS and a domain of your own"; };
      instance-api = { path = ./instance-api; description = "one instance: a service with an encrypted secret"; };
      multi = { path = ./multi; description = "two instances: a web frontend and an API backend"; };
      hello = { path = ./hello; description = "one instance without nixpkgs, made of a static busybox"; };
      node = { path = ./node; description = "a NixOS host that runs the platform"; };
      plugin = { path = ./plugin; description = "a provider of your own in C++"; };
      plugin-c = { path = ./plugin-c; description = "a provider of your own in C"; };
    };
  };
}
