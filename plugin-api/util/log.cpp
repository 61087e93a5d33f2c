#include <seed/util/log.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include <nlohmann/json.hpp>

#include <seed/util/fd.h>
#include <seed/util/text.h>

namespace seed {
namespace {

constexpr const char *level_names[] = {"debug", "info", "warning", "error"};
constexpr int priorities[] = {7, 6, 4, 3};  // syslog(3)
constexpr size_t longest_line = 16384;
constexpr const char *journal_socket = "/run/systemd/journal/socket";

LogLevel first_level() {
    const char *name = std::getenv("SEED_LOG_LEVEL");
    for (int i = 0; i < 4; ++i)
        if (name && std::strcmp(name, level_names[i]) == 0) return static_cast<LogLevel>(i);
    return LogLevel::info;
}

LogFormat first_format() {
    const char *name = std::getenv("SEED_LOG");
    return name && std::strcmp(name, "json") == 0 ? LogFormat::json : LogFormat::text;
}

std::atomic<LogLevel> &level_now() {
    static std::atomic<LogLevel> level = first_level();
    return level;
}

std::atomic<LogFormat> &format_now() {
    static std::atomic<LogFormat> format = first_format();
    return format;
}

// systemd.exec(5), JOURNAL_STREAM: "DEVICE:INODE" of what stderr was connected to.
bool stderr_is_journal() {
    const char *stream = std::getenv("JOURNAL_STREAM");
    struct stat now {};
    if (!stream || fstat(STDERR_FILENO, &now) != 0) return false;
    return stream == std::to_string(now.st_dev) + ":" + std::to_string(now.st_ino);
}

// Never closed: entries may come until the last moment.  -1: there is no journal, or the cage has no way to it.
int journal() {
    static const int socket = [] {
        if (!stderr_is_journal()) return -1;
        UniqueFd made(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, journal_socket);
        if (!made || connect(made.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0) return -1;
        return made.release();
    }();
    return socket;
}

// https://systemd.io/JOURNAL_NATIVE_PROTOCOL: NAME=VALUE lines in one datagram; no value here holds a line end.
bool to_journal(LogLevel level, std::string_view component, const std::string &text, std::string_view call) {
    if (journal() < 0) return false;
    std::string entry = "PRIORITY=" + std::to_string(priorities[static_cast<int>(level)]) +
                        "\nSYSLOG_IDENTIFIER=" + program_invocation_short_name + "\nSEED_COMPONENT=" + std::string(component);
    if (!call.empty()) entry += "\nSEED_CALL=" + std::string(call);
    entry += "\nMESSAGE=" + std::string(component) + ": " + text + "\n";
    return ::send(journal(), entry.data(), entry.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(entry.size());
}

std::string line_of(LogLevel level, std::string_view component, const std::string &text, std::string_view call) {
    std::string time = iso_time(unix_ms_now());
    const char *name = level_names[static_cast<int>(level)];
    if (format_now() == LogFormat::json) {
        nlohmann::ordered_json line = {{"time", time}, {"level", name}, {"program", program_invocation_short_name}};
        line["component"] = component;
        if (!call.empty()) line["call"] = call;
        line["text"] = text;
        return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }
    std::string line;
    // The journal reads stderr, but we cannot reach its socket: sd-daemon(3) has levels for lines too.
    static const bool prefixed = stderr_is_journal();
    if (prefixed) line = "<" + std::to_string(priorities[static_cast<int>(level)]) + ">";
    line += time + " " + name + " " + std::string(component) + ": " + text;
    if (!call.empty()) line += " call=" + std::string(call);
    return line + "\n";
}

}  // namespace

void set_log_level(LogLevel level) {
    level_now() = level;
}

bool logs(LogLevel level) {
    return level >= level_now().load();
}

void set_log_format(LogFormat format) {
    format_now() = format;
}

void log(LogLevel level, std::string_view component, std::string_view text, std::string_view call) {
    if (!logs(level)) return;
    try {
        // One entry each, so that nobody writes a line that looks like ours.
        for (const std::string &part : split(text, '\n')) {
            if (part.empty()) continue;
            std::string safe = printable(part, longest_line), id = printable(call, 100);
            if (to_journal(level, component, safe, id)) continue;
            std::string line = line_of(level, component, safe, id);
            [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
        }
    } catch (const std::exception &) {
        // Out of memory: no line is better than no program.
    }
}

std::vector<std::string> log_environment() {
    std::vector<std::string> environment = {std::string("SEED_LOG_LEVEL=") + level_names[static_cast<int>(level_now().load())]};
    if (format_now() == LogFormat::json) environment.push_back("SEED_LOG=json");
    if (const char *stream = std::getenv("JOURNAL_STREAM")) environment.push_back(std::string("JOURNAL_STREAM=") + stream);
    return environment;
}

}  // namespace seed
