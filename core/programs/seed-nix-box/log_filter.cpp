#include "core/programs/seed-nix-box/log_filter.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <seed/util/failure.h>
#include <seed/util/file.h>

namespace seed::box {

void LogFilter::pump(int in) {
    char buffer[16384];
    for (;;) {
        ssize_t count = read(in, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail_errno("read the build log");
        if (count == 0) break;
        std::string_view rest(buffer, static_cast<size_t>(count));
        while (!rest.empty()) {
            size_t end = rest.find('\n');
            std::string_view part = rest.substr(0, end);
            size_t room = line_limit - std::min(line_limit, partial_.size());
            partial_ += part.substr(0, room);
            cut_ = cut_ || part.size() > room;
            if (end == std::string_view::npos) break;
            if (cut_) partial_ += "...";
            line(partial_);
            partial_.clear();
            cut_ = false;
            rest.remove_prefix(end + 1);
        }
    }
    if (!partial_.empty()) line(partial_);
    finish();
}

void LogFilter::line(std::string_view text) {
    auto now = std::chrono::steady_clock::now();
    allowance_ = std::min<double>(burst, allowance_ + std::chrono::duration<double>(now - last_).count() * per_second);
    last_ = now;
    if (allowance_ < 1) {
        held_.emplace_back(text);
        if (held_.size() > tail) {
            held_.pop_front();
            ++dropped_;
        }
        return;
    }
    finish();
    --allowance_;
    write_line(text);
}

void LogFilter::finish() {
    if (dropped_) write_line("(" + std::to_string(dropped_) + " lines left out)");
    for (const auto &text : held_) write_line(text);
    held_.clear();
    dropped_ = 0;
}

void LogFilter::write_line(std::string_view text) {
    write_all(out_, std::string(text) + "\n");
}

}  // namespace seed::box
