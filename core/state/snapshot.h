// The database as one file's bytes, for backups; and what a file that came from a backup is.
#pragma once
#include <cstdint>
#include <string>

namespace seed::state {

// A consistent copy of the database at this moment, by SQLite's online backup: seedd may be writing meanwhile and is not held up.
// The copy is in memory (a database is some megabytes).  Failure(not_found) when there is none.
std::string snapshot(const std::string &path);

int64_t known_schema();  // the newest schema that this program can use

// The schema of a database file that nobody uses.  Failure(invalid) when the file is damaged or no database of ours.
int64_t verified_schema(const std::string &path);

}  // namespace seed::state
