# A NixOS VM test: the node comes up and the platform answers on its SSH port.  For those who have nixpkgs: `nix flake check`.
{ pkgs, module }:
pkgs.testers.runNixOSTest {
  name = "seed-node";
  nodes.node = { ... }: {
    imports = [ module ];
    services.seed = { enable = true; domain = "seed.test"; admission = "open"; openFirewall = true; };
    virtualisation.memorySize = 2048;
  };
  testScript = ''
    node.wait_for_unit("seedd.service")
    node.wait_for_open_port(22)
    node.succeed("seed health --json | grep '\"ok\": *true'")
  '';
}
