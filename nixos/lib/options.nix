# Options as data, for people and programs that want to know them all: { "seed.size" = { type; default; description; ... }; }.
# OPTIONS is the tree of them, { seed = { ... }; }.
{ lib, options }:
lib.listToAttrs (map (option: lib.nameValuePair option.name ({
  inherit (option) type readOnly;
  description = option.description or "";
} // lib.optionalAttrs (option ? default) { default = option.default.text or option.default; }
  // lib.optionalAttrs (option ? example) { example = option.example.text or option.example; }))
  (lib.filter (option: option.visible && !option.internal) (lib.optionAttrSetToDocList options)))
