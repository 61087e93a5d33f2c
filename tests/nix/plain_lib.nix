# As much of nixpkgs' lib as is needed to look at the options of a module without nixpkgs: their names, not what they do.
rec {
  mkOption = given: given // { _type = "option"; };
  mkEnableOption = what: mkOption { description = "Whether to enable ${what}."; };
  literalExpression = text: text;
  importJSON = file: builtins.fromJSON (builtins.readFile file);
  mkIf = _: value: value;
  mkDefault = value: value;
  mkForce = value: value;
  cleanSource = source: source;
  licenses.mit = "mit";
  kernel = { yes = "yes"; no = "no"; };
  genAttrs = names: make: builtins.listToAttrs (map (name: { inherit name; value = make name; }) names);
  foldl' = builtins.foldl';
  inherit (builtins) attrNames concatStringsSep;
  last = list: builtins.elemAt list (builtins.length list - 1);
  optionalAttrs = condition: set: if condition then set else { };
  optional = condition: value: if condition then [ value ] else [ ];
  splitString = separator: text: builtins.filter builtins.isString (builtins.split separator text);
  toInt = text: builtins.fromJSON text;
  toUpper = text: builtins.replaceStrings [ "h" "p" "s" "t" ] [ "H" "P" "S" "T" ] text;
  mapAttrsToList = make: set: map (name: make name set.${name}) (builtins.attrNames set);
  # Types are opaque, but for the options of submodules; those that depend on values are not looked into.
  types =
    let opaque = { }; holding = type: type; in
    { submodule = module: { options = if builtins.isFunction module then { } else module.options; };
      attrsOf = holding; listOf = holding; nonEmptyListOf = holding; nullOr = holding; functionTo = _: opaque; either = a: b: opaque // a // b; coercedTo = _: _: holding;
      enum = _: opaque; strMatching = _: opaque; oneOf = _: opaque; addCheck = type: _: type;
      bool = opaque; str = opaque; path = opaque; package = opaque; port = opaque; int = opaque; lines = opaque; raw = opaque; anything = opaque;
      unspecified = opaque; number = opaque; nonEmptyStr = opaque;
      ints = { between = _: _: opaque; unsigned = opaque; positive = opaque; };
    };
  # The paths of all options below SET, "<name>" for what an attribute set or list of submodules holds.
  optionPaths = path: set: builtins.map (one: one.path) (described path set);
  # The same with what each says of itself: { path; description; internal; }.
  described = path: set: builtins.concatLists (builtins.map (name:
    let value = set.${name}; here = path ++ [ name ]; in
    if value._type or "" != "option" then described here value
    else [ { path = here; description = value.description or ""; internal = value.internal or false || !(value.visible or true); } ]
      ++ described (here ++ [ "<name>" ]) (value.type.options or { })) (builtins.attrNames set));
}
