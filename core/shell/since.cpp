#include <charconv>
#include <chrono>
#include <cstdio>
#include <string>

#include "core/shell/options.h"
#include "core/shell/print.h"

namespace seed::shell {
namespace {

constexpr int64_t day_ms = 86400000;

// All of `text` is "N" and a unit.
bool parse_duration(std::string_view text, int64_t &milliseconds) {
    int64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
    if (error != std::errc() || number < 0 || number > 1000000000) return false;
    if (unit == "s")
        milliseconds = number * 1000;
    else if (unit == "m" || unit == "min")
        milliseconds = number * 60000;
    else if (unit == "h")
        milliseconds = number * 3600000;
    else if (unit == "d")
        milliseconds = number * day_ms;
    else
        return false;
    return true;
}

bool parse_time(const std::string &text, int64_t now_ms, int64_t &milliseconds) {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, used = -1;
    double second = 0;
    auto whole = [&] { return used == static_cast<int>(text.size()); };
    auto matches = [&](const char *format, auto *...parts) {
        used = -1;
        hour = minute = 0;  // an attempt that failed may have read something
        second = 0;
        return std::sscanf(text.c_str(), format, parts..., &used) == static_cast<int>(sizeof...(parts)) && whole();
    };
    bool day_said = true;
    if (matches("%2d:%2d%n", &hour, &minute) || matches("%2d:%2d:%2lf%n", &hour, &minute, &second))
        day_said = false;
    else if (!matches("%4d-%2d-%2d%n", &year, &month, &day) &&
             !matches("%4d-%2d-%2d%*1[T ]%2d:%2d%n", &year, &month, &day, &hour, &minute) &&
             !matches("%4d-%2d-%2d%*1[T ]%2d:%2dZ%n", &year, &month, &day, &hour, &minute) &&
             !matches("%4d-%2d-%2d%*1[T ]%2d:%2d:%6lf%n", &year, &month, &day, &hour, &minute, &second) &&
             !matches("%4d-%2d-%2d%*1[T ]%2d:%2d:%6lfZ%n", &year, &month, &day, &hour, &minute, &second))
        return false;
    int64_t midnight = now_ms - now_ms % day_ms;
    if (day_said) {
        std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
        if (!date.ok()) return false;
        midnight = std::chrono::sys_days(date).time_since_epoch().count() * day_ms;
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || !(second >= 0 && second < 61)) return false;
    milliseconds = midnight + hour * 3600000LL + minute * 60000LL + static_cast<int64_t>(second * 1000 + 0.5);
    return true;
}

}  // namespace

int64_t parse_since(std::string_view text, int64_t now_ms) {
    int64_t milliseconds = 0;
    if (text.size() > 40) text = {};
    if (parse_duration(text, milliseconds)) return now_ms - milliseconds;
    if (parse_time(std::string(text), now_ms, milliseconds)) return milliseconds;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), milliseconds);
    if (error == std::errc() && !text.empty() && end == text.data() + text.size() && milliseconds >= 0 && milliseconds < (int64_t{1} << 40))
        return milliseconds * 1000;
    throw UsageError("--since: give a duration (90s, 10m, 2h, 1d) or a time in UTC (10:15, 2026-11-21, 2026-11-21T10:15)");
}

}  // namespace seed::shell
