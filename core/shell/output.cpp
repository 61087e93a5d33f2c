#include <seed/util/failure.h>
#include <unistd.h>

#include <cerrno>

#include "core/shell/command.h"

namespace seed::shell {

void Output::write(std::string_view text) {
    while (!text.empty()) {
        ssize_t written = ::write(fd_, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EPIPE) throw Failure(Code::cancelled, "the reader is gone");
        if (written < 0) fail_errno("writing the output");
        text.remove_prefix(size_t(written));
    }
}

void Output::line(std::string_view text) {
    write(std::string(text) + "\n");
}

}  // namespace seed::shell
