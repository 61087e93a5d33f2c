// A file that describes what runs now, for other processes: they see the old or the new content, never half of one.
//
// Nothing waits for the disk: a kill of the writer or of a reader harms nothing, but after a power failure the file may be old, empty or
// absent.  So only for what has ended by then itself, or is told again at the next start, and only where a reader takes garbage for
// nothing.  What must survive is written by write_file_atomically (seed/util/file.h).
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string_view>

namespace seed {

// Throws Failure with the path in its text; the old content is there then.
void replace_file(const std::filesystem::path &path, std::string_view content, mode_t mode = 0644);

}  // namespace seed
