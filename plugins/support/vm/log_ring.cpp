#include "plugins/support/vm/log_ring.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "plugins/support/vm/vm_protocol.h"

namespace seed::vm {

LogWriter::LogWriter(std::filesystem::path folder) : folder_(std::move(folder)) {
    open();
}

void LogWriter::open() {
    file_.reset(::open((folder_ / log_file).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    struct stat status {};
    size_ = file_ && fstat(file_.get(), &status) == 0 ? static_cast<size_t>(status.st_size) : 0;
}

void LogWriter::write(int64_t time_ms, std::string_view text) noexcept {
    std::string line = std::to_string(time_ms) + " ";
    for (char c : text.substr(0, log_line_bytes)) line += c == '\n' ? ' ' : c;
    line += '\n';
    if (size_ + line.size() > log_file_bytes) {
        file_.reset();
        rename((folder_ / log_file).c_str(), (folder_ / old_log_file).c_str());
        open();
    }
    if (!file_) open();
    if (file_ && ::write(file_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size())) size_ += line.size();
}

bool LogReader::read_file(const char *name, uint64_t &inode, uint64_t &offset, const Take &take) {
    UniqueFd file(open((folder_ / name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (!file || fstat(file.get(), &status) || !S_ISREG(status.st_mode)) return false;
    if (inode && inode != status.st_ino) return false;
    inode = status.st_ino;
    uint64_t end = offset + 2 * log_file_bytes;  // more than a ring file ever holds
    std::string pending;
    char bytes[65536];
    for (uint64_t at = offset; at < end;) {
        ssize_t size = pread(file.get(), bytes, sizeof bytes, static_cast<off_t>(at));
        if (size <= 0) break;
        at += static_cast<uint64_t>(size);
        pending.append(bytes, static_cast<size_t>(size));
        size_t begin = 0;
        for (size_t stop; (stop = pending.find('\n', begin)) != std::string::npos; begin = stop + 1) {
            std::string_view line = std::string_view(pending).substr(begin, stop - begin);
            int64_t time = 0;
            auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), time);
            if (error != std::errc() || rest == line.data() + line.size()) continue;
            take(time, line.substr(static_cast<size_t>(rest - line.data()) + 1));
        }
        offset += begin;
        pending.erase(0, begin);
        if (pending.size() > 4 * log_line_bytes) pending.clear();
    }
    return true;
}

void LogReader::read(const Take &take) {
    if (inode_) {
        if (read_file(log_file, inode_, offset_, take)) return;
        read_file(old_log_file, inode_, offset_, take);  // it has been renamed since
    } else {
        uint64_t inode = 0, offset = 0;
        read_file(old_log_file, inode, offset, take);
    }
    inode_ = offset_ = 0;
    read_file(log_file, inode_, offset_, take);
}

}  // namespace seed::vm
