// Bytes from a stranger to lines of bounded length.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace seed::vm {

class LineSplitter {
public:
    // A longer line is handed over in pieces of `limit` bytes (`whole` false for all but its last piece).
    explicit LineSplitter(size_t limit) : limit_(limit) {}
    template <typename Take>  // Take(std::string_view line, bool whole)
    void add(std::string_view bytes, Take &&take) {
        for (char c : bytes) {
            if (c == '\n') {
                take(std::string_view(pending_), true);
                pending_.clear();
            } else {
                pending_ += c;
                if (pending_.size() < limit_) continue;
                take(std::string_view(pending_), false);
                pending_.clear();
            }
        }
    }
    const std::string &pending() const { return pending_; }
    void clear() { pending_.clear(); }

private:
    size_t limit_;
    std::string pending_;
};

// So many bytes a second, with a reserve: who asks for more has to wait.
class Allowance {
public:
    Allowance(double per_second, double reserve) : per_second_(per_second), reserve_(reserve), left_(reserve) {}
    void pass_time(int64_t now_ms) {
        if (last_ms_) left_ = std::min(reserve_, left_ + per_second_ * static_cast<double>(now_ms - last_ms_) / 1000);
        last_ms_ = now_ms;
    }
    void take(size_t bytes) { left_ -= static_cast<double>(bytes); }
    bool exhausted() const { return left_ <= 0; }

private:
    double per_second_, reserve_, left_;
    int64_t last_ms_ = 0;
};

}  // namespace seed::vm
