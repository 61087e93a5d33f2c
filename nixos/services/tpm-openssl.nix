# An OpenSSL configuration under which programs use the instance's key although it never leaves the TPM (TSS2 PRIVATE KEY).
{ pkgs }:
pkgs.writeText "openssl-tpm2.cnf" ''
  openssl_conf = openssl_init
  [openssl_init]
  providers = providers
  [providers]
  default = default_provider
  tpm2 = tpm2_provider
  [default_provider]
  activate = 1
  [tpm2_provider]
  identity = tpm2
  module = ${pkgs.tpm2-openssl}/lib/ossl-modules/tpm2.so
  activate = 1
''
