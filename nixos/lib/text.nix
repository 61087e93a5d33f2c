# What the other files need of strings and lists.  Builtins only, so that Nix alone can run all of nixos/lib.
rec {
  inherit (builtins) attrNames concatLists concatStringsSep elem filter foldl' genList hasAttr isAttrs isBool isInt isList isString
    length listToAttrs map match removeAttrs split stringLength substring toJSON;

  optional = condition: value: if condition then [ value ] else [ ];
  commas = concatStringsSep ", ";
  lines = concatStringsSep "\n";
  matches = pattern: text: match pattern text != null;
  # { NAME = VALUE; } to a list, as FUNCTION NAME VALUE makes it, in the order of the names.
  mapToList = function: set: map (name: function name set.${name}) (attrNames set);
  withoutNulls = set: removeAttrs set (filter (name: set.${name} == null) (attrNames set));

  replaceAll = from: to: builtins.replaceStrings [ from ] [ to ];
  upper = builtins.replaceStrings
    (splitCharacters "abcdefghijklmnopqrstuvwxyz") (splitCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  splitCharacters = text: genList (n: substring n 1 text) (stringLength text);
  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  hasSuffix = suffix: text:
    let more = stringLength text - stringLength suffix; in more >= 0 && substring more (stringLength suffix) text == suffix;

  # A value as a message shows it: one line, not endless.
  shown = value:
    let text = if builtins.isFunction value then "a function" else builtins.unsafeDiscardStringContext (toJSON value);
    in if stringLength text > 80 then substring 0 77 text + "..." else text;

  # Rules return { value; mistakes = [ "sentence" ]; }.  The value of a rule with mistakes is only good for further checks.
  good = value: { inherit value; mistakes = [ ]; };
  bad = mistake: { value = null; mistakes = [ mistake ]; };

  # The first element of each group of equal KEY that has more than one, with the others: [ [ a b ] [ c d e ] ].
  duplicates = key: list:
    let
      grouped = builtins.groupBy key list;
    in filter (group: length group > 1) (map (name: grouped.${name}) (attrNames grouped));

  # The same rules as the platform's own: core/model/names.cpp.
  isLabel = longest: text:
    isString text && stringLength text >= 1 && stringLength text <= longest && matches "[a-z0-9]([a-z0-9-]*[a-z0-9])?" text;
  isInstanceName = isLabel 40;
  # Names of ports, volumes and connections: safe as path, argument and label.
  checkNames = option: set:
    map (name: "${option}: the name ${shown name} cannot be: use 1 to 40 of a-z, 0-9 and inner '-'")
      (filter (name: !isInstanceName name) (attrNames set));
  isDomainName = text:
    let labels = filter isString (split "\\." text); in
    isString text && stringLength text >= 1 && stringLength text <= 253 && builtins.all (isLabel 63) labels
    && !(matches "[0-9]+" (builtins.elemAt labels (length labels - 1)));
}
