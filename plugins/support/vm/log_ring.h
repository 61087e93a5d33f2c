// The log of one boot: two files that replace each other, so that no guest can fill the disk.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <seed/util/fd.h>

namespace seed::vm {

class LogWriter {
public:
    explicit LogWriter(std::filesystem::path folder);  // continues what is there
    // One line; line ends within become spaces.  What cannot be written (disk full) is lost.
    void write(int64_t time_ms, std::string_view text) noexcept;

private:
    void open();
    std::filesystem::path folder_;
    UniqueFd file_;
    size_t size_ = 0;
};

// Reads the lines of a folder written by LogWriter.  The folder may belong to a stranger: no links are followed, sizes are
// bounded.
class LogReader {
public:
    explicit LogReader(std::filesystem::path folder) : folder_(std::move(folder)) {}
    using Take = std::function<void(int64_t time_ms, std::string_view text)>;
    // Hands over every line that is new since the last call, oldest first.  Survives the change of files.
    void read(const Take &take);

private:
    bool read_file(const char *name, uint64_t &inode, uint64_t &offset, const Take &take);
    std::filesystem::path folder_;
    uint64_t inode_ = 0, offset_ = 0;
};

}  // namespace seed::vm
