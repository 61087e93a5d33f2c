// A bare git repository into an archive, while people push to it and maintenance repacks it.
//
// No lock is needed because of the order.  git writes objects before the references to them, and maintenance makes the new place
// of a thing before it removes the old one.  So:
//   1. references: HEAD, then refs/, then packed-refs (git moves references in this direction);
//   2. loose objects, then packs (git moves objects in this direction), packs again when one vanished meanwhile.
// Every reference in the archive then has all its objects there.  Left out: locks, quarantined and temporary objects, symbolic
// links, and what git makes again by itself (commit graphs, indexes over several packs).
#pragma once
#include <string>

#include "core/backup/archive.h"

namespace seed::backup {

bool is_repository(int folder);
void add_repository(ArchiveWriter &archive, int folder, const std::string &path);

}  // namespace seed::backup
