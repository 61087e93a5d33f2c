#include "core/events/events.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/base/log.h"

namespace seed::events {

using nlohmann::json;

namespace {

constexpr size_t most_text = 600;  // of a reason; logs have the rest

Entry entry_of(const json &line) {
    Entry entry(line.at("type").get<std::string>(), line.value("repository", ""));
    entry.seq = line.at("seq").get<int64_t>();
    entry.time_ms = line.at("time_ms").get<int64_t>();
    entry.instance = line.value("instance", "");
    entry.commit = line.value("commit", "");
    entry.call = line.value("call", "");
    entry.reason = line.value("reason", "");
    entry.subject = line.value("subject", "");
    entry.duration_ms = line.value("duration_ms", int64_t{-1});
    return entry;
}

}  // namespace

json to_json(const Entry &entry) {
    json line = {{"seq", entry.seq}, {"time_ms", entry.time_ms}, {"type", entry.type}};
    auto add = [&](const char *name, const std::string &text) {
        if (!text.empty()) line[name] = text;
    };
    add("repository", entry.repository);
    add("instance", entry.instance);
    add("commit", entry.commit);
    add("call", entry.call);
    add("reason", entry.reason);
    add("subject", entry.subject);
    if (entry.duration_ms >= 0) line["duration_ms"] = entry.duration_ms;
    return line;
}

Stream::Stream(asio::any_io_executor executor, std::string file, size_t kept, size_t file_bytes)
    : file_(std::move(file)), kept_(kept), file_bytes_(file_bytes), told_(executor) {
    load(file_ + ".old");
    load(file_);
    out_ = open_file(file_, O_WRONLY | O_CREAT | O_APPEND, 0600);
    struct stat now {};
    if (fstat(out_.get(), &now) == 0) written_ = static_cast<size_t>(now.st_size);
    // A line that a crash cut short must not swallow the next one.
    if (written_ > 0) [[maybe_unused]] ssize_t ended = ::write(out_.get(), "\n", 1);
}

void Stream::load(const std::string &file) {
    std::optional<std::string> content;
    try {
        content = read_file_if_exists(file, file_bytes_ + (1u << 20));
    } catch (const Failure &failure) {
        log_warning("events", std::string(failure.what()) + "; it is set aside, older events are not shown");
        std::error_code ignored;
        std::filesystem::rename(file, file + ".unreadable", ignored);
    }
    if (!content) return;
    for (const auto &line : split(*content, '\n')) {
        json parsed = json::parse(line, nullptr, /*allow_exceptions=*/false);
        if (!parsed.is_object()) continue;  // empty, or cut short
        try {
            Entry entry = entry_of(parsed);
            if (entry.seq < next_) continue;
            next_ = entry.seq + 1;
            entries_.push_back(std::move(entry));
            if (entries_.size() > kept_) entries_.pop_front();
        } catch (const json::exception &) {
            continue;
        }
    }
}

void Stream::tell(Entry entry) {
    entry.seq = next_++;
    entry.time_ms = unix_ms();
    entry.reason = printable(entry.reason, most_text);
    write(entry);
    entries_.push_back(std::move(entry));
    if (entries_.size() > kept_) entries_.pop_front();
    for (const auto &observer : observers_) observer(entries_.back());
    told_.set();
    told_.clear();
}

void Stream::write(const Entry &entry) {
    if (written_ > file_bytes_) {
        if (::rename(file_.c_str(), (file_ + ".old").c_str()) == 0) {
            UniqueFd fresh(::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
            if (fresh) {
                out_ = std::move(fresh);
                written_ = 0;
            }
        }
    }
    std::string line = to_json(entry).dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    ssize_t count = ::write(out_.get(), line.data(), line.size());
    written_ += line.size();
    bool failed = count != static_cast<ssize_t>(line.size());
    if (failed && !complained_) log_warning("events", "cannot write " + file_ + ", ignoring: events are only in memory");
    complained_ = failed;
}

std::vector<Entry> Stream::read(int64_t from, size_t most) const {
    auto begin = std::lower_bound(entries_.begin(), entries_.end(), from, [](const Entry &entry, int64_t seq) { return entry.seq < seq; });
    auto count = std::min<size_t>(most, static_cast<size_t>(entries_.end() - begin));
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

Task<void> Stream::wait_for(int64_t from, Call::Clock::time_point deadline) {
    while (next_ <= from && Call::Clock::now() < deadline) co_await told_.wait_until(deadline);
}

std::string cause_of_exit(const std::string &reason) {
    std::string text = to_lower(reason);
    auto has = [&](std::string_view part) { return text.find(part) != text.npos; };
    if (has("out of memory") || has("oom")) return "out_of_memory";
    if (has("kernel gave up")) return "panic";
    if (has("signal") || has("was killed")) return "killed";
    if (has("switched itself off") || has("restarted itself")) return "switched_off";
    if (text == "stopped") return "stopped";
    return "other";
}

}  // namespace seed::events
