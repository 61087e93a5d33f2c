#include "core/programs/seed-nix-box/relay.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::box {

constexpr uint64_t end_of_archive = 1024;  // two blocks of zeros (POSIX pax, "ustar Interchange Format")

bool relay_archive(int in, int out, uint64_t limit, const std::string &what) {
    char buffer[65536];
    uint64_t total = 0, zeros = 0;  // at the end of what came
    for (;;) {
        ssize_t count = read(in, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail_errno("read " + what);
        if (count == 0 && zeros < end_of_archive) throw Failure(Code::unavailable, what + " ended too early: try again");
        if (count == 0) return true;
        auto last = std::find_if(std::make_reverse_iterator(buffer + count), std::make_reverse_iterator(buffer), [](char c) { return c != 0; });
        uint64_t fresh = static_cast<uint64_t>(buffer + count - last.base());
        zeros = fresh == static_cast<uint64_t>(count) ? zeros + fresh : fresh;
        total += static_cast<uint64_t>(count);
        if (total > limit)
            throw Failure(Code::limit,
                          what + " is larger than " + format_size(limit) + ": remove large files from the repository");
        for (ssize_t done = 0; done < count;) {
            ssize_t written = write(out, buffer + done, static_cast<size_t>(count - done));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0 && errno == EPIPE) return false;
            if (written < 0) fail_errno("pass " + what + " on");
            done += written;
        }
    }
}

}  // namespace seed::box
