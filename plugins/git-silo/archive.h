// A commit's tree as a tar stream, the same bytes every time.
#pragma once
#include <filesystem>
#include <seed/git.hpp>
#include <seed/plugin.hpp>

namespace seed::silo {

// Writes to `out` (borrowed) until done.  Order and names as in git; owner 0, the commit's time, 0644/0755.  Submodules are left
// out and named in the remarks.  Throws Failure(limit) beyond request.limit_bytes (each entry counts 512 bytes more), half a
// million entries, 128 folders deep or one file of 256 MiB; Failure(invalid) for names that no checkout may have.  What was
// written then is not a whole archive.
git::FetchReply write_archive(const plugin::Call &call, const std::filesystem::path &repository, const git::FetchRequest &request,
                              int out);

}  // namespace seed::silo
