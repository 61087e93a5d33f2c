// Structured lines to stderr (or the journal, which reads stderr): level, component, call id, text.  spdlog underneath.
#pragma once
#include <string_view>

namespace seed {

enum class LogLevel { debug, info, warning, error };
void set_log_level(LogLevel level);
void log(LogLevel level, std::string_view component, std::string_view text);
inline void log_info(std::string_view component, std::string_view text) {
    log(LogLevel::info, component, text);
}
inline void log_warning(std::string_view component, std::string_view text) {
    log(LogLevel::warning, component, text);
}
inline void log_error(std::string_view component, std::string_view text) {
    log(LogLevel::error, component, text);
}

}  // namespace seed
