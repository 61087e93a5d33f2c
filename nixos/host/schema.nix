# Options from a plugin's JSON Schema, so that a wrong key or type of its settings fails at evaluation.
#
# Understood are the words that plugins' schemas use: type, properties, additionalProperties, enum, pattern, minimum, maximum, items,
# description, default.  What is not understood is let through: the plugin checks its configuration again when it is opened.
{ lib }:
let
  inherit (lib) mkOption types;
  # A pattern of JSON Schema matches anywhere; Nix matches the whole text.
  whole = pattern:
    (if lib.hasPrefix "^" pattern then lib.removePrefix "^" pattern else ".*" + pattern)
    + (if lib.hasSuffix "$" pattern then "" else ".*");
  withoutEnd = pattern: if lib.hasSuffix "$" pattern then lib.removeSuffix "$" pattern else pattern;

  typeOf = schema:
    if schema ? enum then types.enum schema.enum
    else if schema.type or null == "boolean" then types.bool
    else if schema.type or null == "integer" then
      if schema ? minimum && schema ? maximum then types.ints.between schema.minimum schema.maximum
      else if schema.minimum or (-1) >= 0 then types.ints.unsigned
      else types.int
    else if schema.type or null == "number" then types.number
    else if schema.type or null == "string" then
      if schema ? pattern then types.strMatching (withoutEnd (whole schema.pattern)) else types.str
    else if schema.type or null == "array" then types.listOf (typeOf (schema.items or { }))
    else if schema.type or null == "object" then settingsType schema
    else types.anything;

  # The type of an object.  Keys that are not given are left out (null), so that the plugin's own defaults hold.
  settingsType = schema: types.submodule ({
    options = lib.mapAttrs (_: property: mkOption {
      type = types.nullOr (typeOf property);
      default = null;
      description = (property.description or "See the plugin's page.")
        + lib.optionalString (property ? default) " Default: `${builtins.toJSON property.default}`.";
    }) (schema.properties or { });
  } // lib.optionalAttrs (schema.additionalProperties or true != false) { freeformType = types.attrsOf types.anything; });
in {
  inherit settingsType;
  # The schema of a plugin known at evaluation: one of ours, or one that a package in PACKAGES (services.seed.plugins) brings.
  of = packages: plugin:
    let known = lib.importJSON ./plugins.json // lib.foldl' (all: package: all // package.passthru.seedPlugins or { }) { } packages; in
    (known.${plugin} or (throw
      "services.seed.providers: there is no plugin \"${plugin}\": use one of ${lib.concatStringsSep ", " (lib.attrNames known)}, or add its package to services.seed.plugins")).schema;
  # Keys whose value is a secret and would end up readable for everybody in the Nix store.
  secretKeys = schema: lib.attrNames (lib.filterAttrs (_: property: property.x-seed-secret or false == true) (schema.properties or { }));
}
