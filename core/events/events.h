// What happens on the platform, in order: a bounded stream of entries with sequence numbers that people and programs can follow.
//
// Telling never waits and never fails: an entry goes into a ring in memory and, without fsync, into two files that take turns, so
// that a restart of seedd goes on where it was; a power cut may lose the last seconds.  A reader has a position of its own and
// asks for what comes after it; one that is slower than the ring sees that numbers are missing.  Nothing here waits for a reader.
// For what must not be lost (what is deployed, what was done to it) see core/state.  All on the core's thread.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <seed/util/fd.h>

#include "core/base/async.h"

namespace seed::events {

// Types, stable: docs/shell.md lists them.
struct Entry {
    Entry(std::string type, std::string repository) : type(std::move(type)), repository(std::move(repository)) {}
    Entry() = default;
    Entry &&on(std::string name) && { return instance = std::move(name), std::move(*this); }
    Entry &&at(std::string id) && { return commit = std::move(id), std::move(*this); }
    Entry &&by(std::string id) && { return call = std::move(id), std::move(*this); }
    Entry &&because(std::string why) && { return reason = std::move(why), std::move(*this); }
    Entry &&took(int64_t milliseconds) && { return duration_ms = milliseconds, std::move(*this); }

    int64_t seq = 0, time_ms = 0;  // given by tell()
    std::string type;
    std::string repository;  // empty: about the platform, for the operator only
    std::string instance, commit;
    std::string call;          // the id in the logs
    std::string reason;        // may come from strangers: printable, one line
    std::string subject;       // provider_up, provider_down: its kind; otherwise empty
    int64_t duration_ms = -1;  // of what has ended; -1: nothing has
};
nlohmann::json to_json(const Entry &entry);  // without what is empty

class Stream {
public:
    // `file` and `file`.old hold about `file_bytes` each.  An unreadable file is set aside; entries then begin anew.
    Stream(asio::any_io_executor executor, std::string file, size_t kept = 4096, size_t file_bytes = 1u << 20);

    void tell(Entry entry);
    void observe(std::function<void(const Entry &)> observer) { observers_.push_back(std::move(observer)); }

    int64_t first() const { return entries_.empty() ? next_ : entries_.front().seq; }  // the oldest that is kept
    int64_t next() const { return next_; }                                             // the number of the next entry
    // At most `most` entries from number `from` on, oldest first.
    std::vector<Entry> read(int64_t from, size_t most) const;
    // Returns when next() > from, or at the deadline.
    Task<void> wait_for(int64_t from, Call::Clock::time_point deadline);

private:
    void load(const std::string &file);
    void write(const Entry &entry);

    std::string file_;
    size_t kept_, file_bytes_, written_ = 0;
    int64_t next_ = 1;
    std::deque<Entry> entries_;
    UniqueFd out_;
    bool complained_ = false;
    std::vector<std::function<void(const Entry &)>> observers_;
    Event told_;
};

// "out_of_memory", "killed", "panic", "switched_off" or "other": why a boot ended, from the runtime's sentence.
std::string cause_of_exit(const std::string &reason);

}  // namespace seed::events
