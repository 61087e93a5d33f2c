# seed.storage: "1Gi", or { size; mountPoint; user; group; mode; }, to the full form.
with import ./text.nix;
let
  most = 16;
  smallest = 8 * 1024 * 1024;                      # below, ext4 has no room for a journal
  largest = 1024 * 1024 * 1024 * 1024 * 1024;      # 1 PiB
  units = { "" = 1; Ki = 1024; Mi = 1024 * 1024; Gi = 1024 * 1024 * 1024; Ti = 1024 * 1024 * 1024 * 1024; };
  # The platform's own: a volume may neither lie inside one of these nor hide it.
  platformPaths = [ "/nix" "/proc" "/sys" "/dev" "/run/seed" "/run/booted-system" "/run/current-system" "/seed/tpm" "/seed/tls" ];

  # Bytes, or null when it is no size.
  bytes = text:
    let
      parts = if isString text then match "0*([0-9]{0,16})(Ki|Mi|Gi|Ti)?" text else null;
      digits = builtins.elemAt parts 0;
      unit = units.${if builtins.elemAt parts 1 == null then "" else builtins.elemAt parts 1};
      value = if digits == "" then 0 else builtins.fromJSON digits;
    in if parts == null || value == 0 || value > largest / unit then null else value * unit;

  isWithin = path: folder: path == folder || hasPrefix "${folder}/" path;

  checkMountPoint = where: path:
    let
      option = "${where}.mountPoint ${shown path}";
      parts = filter (part: isString part && part != "") (split "/" path);
      dots = filter (part: part == "." || part == "..") parts;
      clean = "/" + concatStringsSep "/" parts;
      taken = filter (folder: isWithin clean folder || isWithin folder clean) platformPaths;
    in
      if !isString path then bad "${option} must be text in quotes"
      else if !hasPrefix "/" path then bad "${option} is not absolute: begin it with '/'"
      else if stringLength path > 200 then bad "${option} is too long: use at most 200 characters"
      else if dots != [ ] then bad "${option} holds ${shown (builtins.head dots)}: write the path without it"
      else if !builtins.all (matches "[A-Za-z0-9._@:+-]+") parts then
        bad "${option} holds a character that is not allowed: use letters, digits and . _ @ : + -"
      else if parts == [ ] then bad "${option} is the root: use a folder below it, like /var/lib/data"
      else if taken != [ ] then
        bad "${option} collides with ${builtins.head taken}, which is the platform's: use another folder, like /var/lib/data"
      else if clean == "/seed" || clean == "/seed/storage" then
        bad "${option} is where the platform mounts volumes: use a folder below it, or another one"
      else good clean;

  checkOwner = where: option: name:
    if isString name && stringLength name <= 32 && matches "[a-z_][a-z0-9_-]*" name then good name
    else bad "${where}.${option} ${shown name} is not a name: use a-z, 0-9, '_' and '-', at most 32, not beginning with a digit";

  checkMode = where: mode:
    if isString mode && matches "[0-7]{3,4}" mode then good (if stringLength mode == 3 then "0${mode}" else mode)
    else bad "${where}.mode ${shown mode} is not a mode: use three or four octal digits, like \"0750\"";

  normalise = name: entry:
    let
      where = "seed.storage.${name}";
      asked = if isString entry then { size = entry; } else withoutNulls entry;
      unknown = attrNames (removeAttrs asked [ "size" "mountPoint" "user" "group" "mode" ]);
      size = bytes asked.size;
      mountPoint = if asked ? mountPoint then checkMountPoint where asked.mountPoint else good "/seed/storage/${name}";
      user = checkOwner where "user" (asked.user or "root");
      group = checkOwner where "group" (asked.group or "root");
      mode = checkMode where (asked.mode or "0755");
    in
      if !(isString entry || isAttrs entry) then
        bad "${where} must be a size or { size; mountPoint; user; group; mode; }, like \"1Gi\" or { size = \"1Gi\"; }"
      else if unknown != [ ] then bad "${where} has no member ${commas unknown}: use size, mountPoint, user, group and mode"
      else if !asked ? size then bad "${where} has no size: add size = \"1Gi\";"
      else if size == null then
        bad "${where}: size ${shown asked.size} is not a size: write it like \"500Mi\", \"10Gi\" or \"1Ti\""
      else if size < smallest then
        bad "${where}: ${shown asked.size} is too small for a file system: use at least \"8Mi\""
      else {
        value = { inherit (asked) size; mountPoint = mountPoint.value; user = user.value; group = group.value; mode = mode.value; };
        mistakes = mountPoint.mistakes ++ user.mistakes ++ group.mistakes ++ mode.mistakes;
      };
in {
  inherit bytes normalise;

  check = storage:
    let
      each = map (name: { inherit name; result = normalise name storage.${name}; })
        (filter (name: storage.${name} != null) (attrNames storage));
      sound = filter (entry: entry.result.mistakes == [ ]) each;
      clash = group:
        let a = builtins.elemAt group 0; b = builtins.elemAt group 1; in
        "seed.storage.${a.name} and seed.storage.${b.name} both mount on ${a.result.value.mountPoint}: give one another mountPoint";
    in {
      value = listToAttrs (map (entry: { inherit (entry) name; inherit (entry.result) value; }) sound);
      mistakes =
        checkNames "seed.storage" storage
        ++ concatLists (map (entry: entry.result.mistakes) each)
        ++ optional (length each > most) "seed.storage has ${toString (length each)} volumes: use at most ${toString most}"
        ++ map clash (duplicates (entry: entry.result.value.mountPoint) sound);
    };
}
