# mkSeed: from a NixOS module to an instance.
#
#   seeds.web = seed.lib.mkSeed { name = "web"; module = ./web.nix; };
#
# NIXPKGS is a nixpkgs flake or tree with `lib.nixosSystem`; MODULES is added to every instance (sops-nix).
{ lib, nixosSystem, modules ? [ ] }:
let
  rules = import ./.;
in
{ name
, module                            # a NixOS module: a path, a function or a set
, system ? "x86_64-linux"
, extraModules ? [ ]
, identity ? null                   # the flake's .seed-identity; without it the one beside a module that is a path
, specialArgs ? { }
, checkKeys ? true                  # refuse the placeholder that templates have in .authorized_keys
}:
let
  # A file beside the module, when the module is a file.
  beside = name: let file = dirOf module + "/${name}"; in if builtins.isPath module && builtins.pathExists file then file else null;
  file = if identity != null then identity else beside ".seed-identity";
  cid = rules.cidIn (builtins.readFile file);
  namespace = if file == null then null else
    let computed = rules.namespaceOf cid; in
    if computed != null then computed
    else throw "${toString file} holds no identity, one line that begins with k51qzi5uqu5d: put the flake's own there again, or remove the file";
  evaluated = nixosSystem {
    inherit system specialArgs;
    modules = [
      ../instance
      module
      { seed = { inherit name; namespace = lib.mkDefault namespace; }; networking.hostName = lib.mkDefault name; }
    ] ++ modules ++ extraModules;
  };
  keys = beside ".authorized_keys";
  placeholder = checkKeys && keys != null && builtins.length (builtins.split "REPLACE-THIS-LINE-BY-YOUR-PUBLIC-KEY" (builtins.readFile keys)) > 1;
  toplevel = evaluated.config.system.build.toplevel;
in {
  # Forcing the whole system first: each mistake of the configuration shows when `meta` is asked for, and nothing is built.
  meta =
    if placeholder then throw ".authorized_keys still holds the template's placeholder: replace it by your SSH public key (cat ~/.ssh/id_ed25519.pub)"
    else builtins.seq toplevel.drvPath evaluated.config.seed.meta;
  image = toplevel;                 # what the platform makes the machine's disk of
  inherit toplevel module;
  inherit (evaluated) config options;
}
