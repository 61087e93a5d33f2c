# sops-nix finds the machine's own key: the age identity that never leaves its TPM.  mkSeed adds sops-nix when the flake has it.
{ lib, options, ... }:
{
  config = lib.optionalAttrs (options ? sops) {
    sops.age.keyFile = lib.mkDefault "/seed/tpm/age-identity";
    sops.age.sshKeyPaths = lib.mkDefault [ ];
    sops.gnupg.sshKeyPaths = lib.mkDefault [ ];
  };
}
