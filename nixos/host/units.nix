# The daemon as systemd services, with the programs it starts.  The same lines as packaging/systemd, where docs/packaging.md says why each
# is there; tests/nix/host_units.py holds the two together.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.seed;
  slice = "seed.slice";
  credentials = import ./credentials.nix { names = lib.attrNames cfg.credentials; inherit (cfg) providers; };
  port = address: lib.toInt (lib.last (lib.splitString ":" address));
  dns = cfg.providers.dns.settings or { };
  # One of the platform's ports, held by systemd while seed-front restarts.
  socket = name: address: {
    description = "Seed platform: ${lib.toUpper name} port";
    documentation = [ "man:seed-front(8)" ];
    wantedBy = [ "sockets.target" ];
    socketConfig = {
      ListenStream = address;
      FileDescriptorName = name;
      Service = "seed-front.service";
    };
  };
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
    systemd.sockets = lib.mkIf cfg.socketActivation {
      seedd-ssh = socket "ssh" cfg.listen.ssh;
      seedd-http = socket "http" cfg.listen.http;
    };

    # Holds the control groups of machines and builds: a service whose own group has such children cannot be started again.
    # Stopping it ends all machines, so no change of the configuration does.
    systemd.services.seed-machines = {
      description = "Seed platform: control groups of machines and builds";
      documentation = [ "man:seedd(8)" ];
      restartIfChanged = false;
      serviceConfig = {
        ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
        Slice = slice;
        Delegate = true;
        TasksMax = "infinity";
        OOMPolicy = "continue";
        OOMScoreAdjust = -1000;
        TimeoutStopSec = 30;
        # About the sleeping process alone.  What systemd ties to the control group would hold for the machines and builds in it, too: no
        # PrivateDevices=, ProtectClock= or DeviceAllow= (no /dev/kvm, no loop devices).
        CapabilityBoundingSet = "";
        LockPersonality = true;
        MemoryDenyWriteExecute = true;
        NoNewPrivileges = true;
        PrivateNetwork = true;
        PrivateTmp = true;
        ProtectHome = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        ProtectSystem = "strict";
        RestrictAddressFamilies = "none";
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [ "@system-service" "~@privileged @resources" ];
        UMask = "0077";
      };
    };

    # Accepts connections from the network; outlives the daemon.
    systemd.services.seed-front = {
      description = "Seed platform: connections from the network";
      documentation = [ "man:seed-front(8)" ];
      wantedBy = [ "multi-user.target" ];
      wants = [ "seedd.service" ];
      startLimitIntervalSec = 300;
      startLimitBurst = 20;
      serviceConfig = {
        Type = "notify";
        NotifyAccess = "main";
        ExecStart = "${cfg.package}/bin/seed-front --core ${cfg.stateDirectory}/front.sock";
        Slice = slice;
        TimeoutStopSec = 10;
        WatchdogSec = 60;
        Restart = "always";
        RestartSec = "200ms";
        LimitNOFILE = 65536;
        TasksMax = 4096;
        CapabilityBoundingSet = "CAP_SETUID CAP_SETGID CAP_SETPCAP CAP_KILL";
        NoNewPrivileges = true;
        PrivateNetwork = true;
        RestrictAddressFamilies = "AF_UNIX";
        PrivateDevices = true;
        PrivateTmp = true;
        PrivateIPC = true;
        PrivateMounts = true;
        ProtectSystem = "strict";
        ProtectHome = true;
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        ProcSubset = "pid";
        LockPersonality = true;
        MemoryDenyWriteExecute = true;
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        RemoveIPC = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [ "@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp" "~@aio @chown @keyring @memlock @resources" ];
        SystemCallErrorNumber = "EPERM";
        UMask = "0077";
      };
    };

    systemd.services.seedd = {
      description = "Seed platform: git push a flake, get a running microVM";
      documentation = [ "man:seedd(8)" ];
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" "seed-front.service" ];
      after = [ "network-online.target" "nss-lookup.target" "seed-machines.service" ];
      requires = [ "seed-machines.service" ];
      environment.SEED_CONTROL_GROUP = "/${slice}/seed-machines.service";
      restartTriggers = [ cfg.configFile ];
      startLimitIntervalSec = 300;
      startLimitBurst = 20;
      serviceConfig = {
        Type = "notify";
        NotifyAccess = "main";
        ExecStart = "${cfg.package}/bin/seedd --config ${cfg.configFile} --front-socket ${cfg.stateDirectory}/front.sock";
        Slice = slice;
        LoadCredential = lib.mapAttrsToList (name: path: "${name}:${path}") cfg.credentials;
        StateDirectory = lib.mkIf (cfg.stateDirectory == "/var/lib/seed") "seed";
        StateDirectoryMode = "0755";
        TimeoutStartSec = "6min";
        TimeoutStopSec = 150;
        WatchdogSec = 60;
        Restart = "always";
        RestartSec = 1;
        OOMPolicy = "continue";
        # Machines, their network and DNS live on while the daemon is restarted.
        KillMode = "process";
        TasksMax = "infinity";
        LimitNOFILE = 65536;
        # No ProtectClock= and the like here: some of them come with an allow-list of devices that has no /dev/kvm and no /dev/net/tun.
        CapabilityBoundingSet = "~" + lib.concatStringsSep " " [
          "CAP_SYS_MODULE" "CAP_SYS_RAWIO" "CAP_SYS_TIME" "CAP_SYS_BOOT" "CAP_SYS_PACCT" "CAP_SYS_TTY_CONFIG" "CAP_SYSLOG" "CAP_WAKE_ALARM"
          "CAP_BLOCK_SUSPEND" "CAP_AUDIT_CONTROL" "CAP_AUDIT_READ" "CAP_AUDIT_WRITE" "CAP_MAC_ADMIN" "CAP_MAC_OVERRIDE" "CAP_LINUX_IMMUTABLE" "CAP_IPC_LOCK"
          "CAP_LEASE" "CAP_BPF" "CAP_PERFMON"
        ];
        ProtectSystem = "full";
        PrivateMounts = true;
        RestrictSUIDSGID = true;
        RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET";
        RestrictRealtime = true;
        LockPersonality = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = "~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap";
        SystemCallErrorNumber = "EPERM";
      } // lib.optionalAttrs (cfg.credentials != { }) {
        ExecStartPre = pkgs.writeShellScript "seed-credentials" ("PATH=${pkgs.coreutils}/bin\n" + credentials.script);
        RuntimeDirectory = credentials.folder;
        RuntimeDirectoryMode = "0711";
      };
    };
  };
}
