# The daemon as a systemd service, with the programs it starts.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.seed;
  port = address: lib.toInt (lib.last (lib.splitString ":" address));
  dns = cfg.providers.dns.settings or { };
in {
  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    environment.etc."seed/seed.yaml".source = cfg.configFile;
    boot.kernelModules = [ "tun" "erofs" "loop" "nf_tables" "kvm-intel" "kvm-amd" "vhost_net" ];
    boot.kernel.sysctl."net.ipv6.conf.all.forwarding" = lib.mkDefault 1;
    networking.firewall = lib.mkIf cfg.openFirewall {
      allowedTCPPorts = [ (port cfg.listen.ssh) (port cfg.listen.http) ] ++ lib.optional (dns.managed or null == true) 53;
      allowedUDPPorts = lib.optional (dns.managed or null == true) 53;
    };
    systemd.slices.seed.description = "The Seed platform and its machines";
    # Holds the control groups of machines and builds: a service whose own group has such children cannot be started again.
    systemd.services.seed-machines = {
      description = "Seed: control groups of machines and builds";
      documentation = [ "man:seedd(8)" ];
      restartIfChanged = false;
      serviceConfig = {
        ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
        OOMScoreAdjust = -1000;
        Slice = "seed.slice";
        Delegate = true;
        OOMPolicy = "continue";
        TasksMax = "infinity";
      };
    };
    systemd.services.seedd = {
      description = "Seed: git push a flake, get a running microVM";
      documentation = [ "man:seedd(8)" ];
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" "nss-lookup.target" "seed-machines.service" ];
      requires = [ "seed-machines.service" ];
      environment.SEED_CONTROL_GROUP = "/seed.slice/seed-machines.service";
      restartTriggers = [ cfg.configFile ];
      serviceConfig = {
        ExecStart = "${cfg.package}/bin/seedd --config ${cfg.configFile}";
        Type = "exec";
        Slice = "seed.slice";
        Restart = "on-failure";
        RestartSec = 2;
        # Machines, their network and DNS live on while the daemon is restarted.
        KillMode = "process";
        TimeoutStopSec = 60;
        LoadCredential = lib.mapAttrsToList (name: path: "${name}:${path}") cfg.credentials;
        StateDirectory = lib.mkIf (cfg.stateDirectory == "/var/lib/seed") "seed";
        StateDirectoryMode = "0755";
        LimitNOFILE = 65536;
        # What root needs here: namespaces, mounts, taps, uids of its children.  What it does not need:
        ProtectClock = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        LockPersonality = true;
        RestrictRealtime = true;
        UMask = "0022";
        OOMScoreAdjust = -500;
      };
    };
  };
}
