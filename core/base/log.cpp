#include "core/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <seed/util/text.h>

namespace seed {
namespace {

spdlog::logger &logger() {
    // Never destroyed: other static objects may still log at the end of the program.
    static spdlog::logger *const instance = [] {
        auto *made = new spdlog::logger("seed", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_formatter(
            std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
        made->flush_on(spdlog::level::trace);
        return made;
    }();
    return *instance;
}

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

}  // namespace

void set_log_level(LogLevel level) {
    logger().set_level(level_of(level));
}

void log(LogLevel level, std::string_view component, std::string_view text) {
    if (!logger().should_log(level_of(level))) return;
    // Texts may come from strangers: one line each, so that nobody writes a line that looks like ours.
    for (const std::string &line : split(text, '\n'))
        if (!line.empty()) logger().log(level_of(level), "{}: {}", component, printable(line, 16384));
}

}  // namespace seed
