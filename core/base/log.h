// The log as the core writes it; formats and fields are in seed/util/log.h.
#pragma once
#include <string_view>

#include <seed/util/log.h>

namespace seed {

inline void log_debug(std::string_view component, std::string_view text, std::string_view call = {}) {
    log(LogLevel::debug, component, text, call);
}
inline void log_info(std::string_view component, std::string_view text, std::string_view call = {}) {
    log(LogLevel::info, component, text, call);
}
inline void log_warning(std::string_view component, std::string_view text, std::string_view call = {}) {
    log(LogLevel::warning, component, text, call);
}
inline void log_error(std::string_view component, std::string_view text, std::string_view call = {}) {
    log(LogLevel::error, component, text, call);
}

}  // namespace seed
