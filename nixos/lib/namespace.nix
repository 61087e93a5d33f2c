# The namespace that belongs to a flake's identity (the CID in .seed-identity), as core/model/names.cpp computes it:
# "s-" and the first 26 digits of base32 (RFC 4648, lower case) of the CID's SHA-256, which are its first 130 bits.
with import ./text.nix;
let
  nibbles = listToAttrs (genList (n: { name = substring n 1 "0123456789abcdef"; value = n; }) 16);
  digit = n: substring n 1 "abcdefghijklmnopqrstuvwxyz234567";
  # Five hexadecimal digits are twenty bits are four base32 digits.
  group = text:
    let
      value = foldl' (sum: character: sum * 16 + nibbles.${character}) 0 (splitCharacters text);
      part = shift: digit (builtins.bitAnd (value / shift) 31);
    in part 32768 + part 1024 + part 32 + part 1;
in {
  # null unless CID is the CID of an Ed25519 key.
  namespaceOf = cid:
    let hash = builtins.hashString "sha256" cid; in
    if !(isString cid && matches "k51qzi5uqu5d[0-9a-z]{50}" cid) then null
    else "s-" + substring 0 26 (concatStringsSep "" (genList (n: group (substring (n * 5) 5 hash)) 7));
  # The CID in the text of a .seed-identity file.
  cidIn = text: builtins.elemAt (match "[ \n\t]*([0-9a-z]*)[ \n\t]*" text) 0;
}
