// Which process a number means: held by a pidfd first, compared second, signalled third, so that a reused number is never hit.
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/process.h>
#include <seed/util/text.h>
#include <cerrno>
#include <charconv>

namespace seed {
namespace {

const std::string &boot_id() {
    static const std::string id(trim(read_file("/proc/sys/kernel/random/boot_id", 4096)));
    return id;
}

template <typename Number>
bool parse_number(std::string_view text, Number &value) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// Field 22 of /proc/PID/stat; none for zombies and processes that do not exist.  One whose first thread is a zombie while others still
// end is there: it has its files, and the volumes behind them, until the last of its threads (field 20) has gone.
std::optional<uint64_t> start_time_of(pid_t pid) {
    std::optional<std::string> text;
    try {
        text = read_file_if_exists("/proc/" + std::to_string(pid) + "/stat", 64u << 10);
    } catch (const Failure &) {
        return std::nullopt;  // ESRCH: it went while we read
    }
    // The name (field 2) may hold spaces and brackets: count from the last one.
    size_t bracket = text ? text->rfind(") ") : std::string::npos;
    if (bracket == std::string::npos) return std::nullopt;
    std::vector<std::string> fields = split(std::string_view(*text).substr(bracket + 2), ' ');
    uint64_t start = 0, threads = 0;
    if (fields.size() < 20 || fields[0] == "X" || !parse_number(fields[17], threads) || !parse_number(fields[19], start)) return std::nullopt;
    if (fields[0] == "Z" && threads <= 1) return std::nullopt;
    return start;
}

}  // namespace

std::string ProcessIdentity::to_string() const {
    return std::to_string(pid) + " " + std::to_string(start_time) + " " + boot_id;
}

std::optional<ProcessIdentity> ProcessIdentity::parse(std::string_view text) {
    std::vector<std::string> parts = split(trim(text), ' ');
    ProcessIdentity result;
    if (parts.size() != 3 || !parse_number(parts[0], result.pid) || !parse_number(parts[1], result.start_time))
        return std::nullopt;
    if (result.pid <= 0 || parts[2].empty()) return std::nullopt;
    result.boot_id = parts[2];
    return result;
}

std::optional<ProcessIdentity> ProcessIdentity::of(pid_t pid) {
    std::optional<uint64_t> start = start_time_of(pid);
    if (!start) return std::nullopt;
    return ProcessIdentity{pid, *start, seed::boot_id()};
}

UniqueFd ProcessIdentity::open_pidfd() const {
    if (pid <= 0 || boot_id != seed::boot_id()) return {};
    UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!fd) return {};
    std::optional<uint64_t> start = start_time_of(pid);
    if (!start || *start != start_time) return {};
    return fd;
}

bool ProcessIdentity::alive() const {
    return static_cast<bool>(open_pidfd());
}

bool ProcessIdentity::signal(int number) const {
    UniqueFd fd = open_pidfd();
    if (!fd) return false;
    if (!syscall(SYS_pidfd_send_signal, fd.get(), number, nullptr, 0)) return true;
    if (errno == ESRCH) return false;
    fail_errno("cannot signal process " + std::to_string(pid));
}

bool ProcessIdentity::kill_and_wait(std::chrono::milliseconds patience) const {
    UniqueFd fd = open_pidfd();
    if (!fd) return true;
    if (syscall(SYS_pidfd_send_signal, fd.get(), SIGKILL, nullptr, 0) && errno != ESRCH)
        fail_errno("cannot kill process " + std::to_string(pid));
    auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
        pollfd wanted{fd.get(), POLLIN, 0};
        int n = poll(&wanted, 1, static_cast<int>(std::max<int64_t>(left, 0)));
        if (n > 0) return true;
        if (n == 0) return false;
        if (errno != EINTR) fail_errno("cannot wait for process " + std::to_string(pid));
    }
}

}  // namespace seed
