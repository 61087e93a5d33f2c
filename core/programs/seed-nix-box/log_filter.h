// Builders can write without end and nobody reads that much.  Lines pass at a bounded rate, cut to a bounded length; what was
// held back last is shown at the end, because the reason of a failure stands there.
#pragma once
#include <chrono>
#include <deque>
#include <string>
#include <string_view>

namespace seed::box {

class LogFilter {
public:
    explicit LogFilter(int out) : out_(out) {}
    void pump(int in);  // until end of file

private:
    void line(std::string_view text);
    void finish();
    void write_line(std::string_view text);

    static constexpr size_t line_limit = 400, burst = 200, per_second = 40, tail = 24;
    int out_;
    std::string partial_;
    bool cut_ = false;  // the current line is longer than we keep
    double allowance_ = burst;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
    std::deque<std::string> held_;  // the last lines not shown
    size_t dropped_ = 0;
};

}  // namespace seed::box
