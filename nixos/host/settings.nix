# The configuration file of seedd (docs/configuration.md) from the values of services.seed.  Builtins only; JSON is YAML.
with import ../lib/text.nix;
let
  clean = value:
    if isAttrs value then builtins.mapAttrs (_: clean) (withoutNulls value)
    else if isList value then map clean value
    else value;
  provider = choice: { inherit (choice) plugin; }
    // (if choice.isolation or "process" == "process" then { } else { inherit (choice) isolation; })
    // (let config = clean (choice.settings or { }); in if config == { } then { } else { inherit config; });
in
{ domain, silo ? null, flake ? null, state ? "/var/lib/seed", admission ? "invite", providers
, sections ? { }                    # listen, ingress, limits, quotas ...: whole sections of the file; what is null is left to the platform's default
, pluginDirectories ? [ ], extra ? { } }:
  let
    settings = {
      platform = { inherit domain; state = toString state; }
        // (if silo == null then { } else { inherit silo; }) // (if flake == null then { } else { flake = toString flake; });
      inherit admission;
      providers = builtins.mapAttrs (_: chosen: if isList chosen then map provider chosen else provider chosen) (withoutNulls providers);
    } // clean sections // (if pluginDirectories == [ ] then { } else { plugin_directories = pluginDirectories; });
  in settings // builtins.mapAttrs (name: value: if isAttrs value && isAttrs (settings.${name} or null) then settings.${name} // value else value) extra
