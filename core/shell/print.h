// How the shell shows things: aligned tables, durations, and text from strangers.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace seed::shell {

// Columns padded to their widest cell, two spaces between them, no blanks at the ends of lines.  Width is counted in characters.
std::string table(const std::vector<std::vector<std::string>> &rows, std::string_view indent = "");
// "45 s", "3 min", "2 h 5 min", "9 d 3 h": as coarse as a reader wants it.
std::string format_uptime(int64_t milliseconds);
// The string member `name`, safe for a terminal; `missing` when it is absent, empty or no string.
std::string text_of(const nlohmann::json &object, const char *name, std::string_view missing = "");
int64_t number_of(const nlohmann::json &object, const char *name, int64_t missing = 0);
// The member, or an empty array.
const nlohmann::json &list_of(const nlohmann::json &object, const char *name);
// What --since takes: "90s", "10m", "2h", "1d", "10:15" (today, UTC), "2026-11-21", "2026-11-21T10:15[:30[.123]][Z]", "1763719200"
// (seconds since 1970).  Milliseconds since 1970; throws UsageError.
int64_t parse_since(std::string_view text, int64_t now_ms);
std::string json_line(const nlohmann::json &value);  // one line with its end

}  // namespace seed::shell
