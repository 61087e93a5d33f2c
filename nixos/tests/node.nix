# A NixOS VM test: a node comes up, every provider can work, and a restart of the daemon touches nothing else.  For those who have nixpkgs:
# `nix flake check`.  tests/nix/vm_tests.py reads the script without running it.
{ pkgs, module }:
pkgs.testers.runNixOSTest {
  name = "seed-node";
  nodes.node = {
    imports = [ module ];
    services.seed = { enable = true; domain = "seed.test"; admission = "open"; openFirewall = true; };
    programs.git.enable = true;
    virtualisation = { memorySize = 2048; diskSize = 8192; };      # in MiB; seedd takes nothing new with less than 512 MiB free
  };
  testScript = ''
    import json

    ssh = "ssh -i /root/key -o StrictHostKeyChecking=accept-new -o IdentitiesOnly=yes"
    machines = "systemctl show --property=MainPID --value seed-machines.service"

    node.wait_for_unit("seedd.service")
    node.wait_for_open_port(22)
    node.wait_for_open_port(80)

    with subtest("every provider can work"):
        health = json.loads(node.succeed("seed health --json"))
        assert health["ok"], health

    with subtest("a stranger with a key reads the platform's own flake and nothing else"):
        node.succeed("ssh-keygen -q -t ed25519 -N ''' -f /root/key")
        node.succeed(f"GIT_SSH_COMMAND='{ssh}' git ls-remote --exit-code ssh://localhost/seed.git HEAD")
        whoami = json.loads(node.succeed(f"{ssh} localhost whoami --json"))
        assert whoami["repositories"] == [], whoami

    with subtest("restarting the daemon leaves the machines' unit alone"):
        before = node.succeed(machines)
        node.succeed("systemctl restart seedd.service")
        node.wait_for_open_port(22)
        assert node.succeed(machines) == before
        node.succeed("seed health")
  '';
}
