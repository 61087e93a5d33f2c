// What is asked of the providers, for somebody who looks: `seed plugin trace`, and recordings that seed-plugin-check plays again.
//
// Nothing is noted while nobody looks.  Entries go into a ring of bounded size; a reader has a position of its own, and one that is
// slower than the ring sees that numbers are missing.  Secrets are masked before an entry is made.  All on the core's thread.
//
// An entry: {"seq","time_ms","event","kind","plugin","operation","call"} and
//   event "begin"   a stream or conversation begins
//   event "call"    a call has ended: "code", "text" of a failure, "retry_after_ms", "duration_us", "request_bytes", "reply_bytes",
//                   "items" and "descriptors" of the reply; with bodies also "request_id", "request", "given" (descriptors of the
//                   request), and "reply" or "item_bodies" ("cut": there were more than are kept)
//   event "gap"     "missed" entries are not kept any more
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <seed/util/failure.h>

#include "core/base/async.h"
#include "core/providers/provider.h"

namespace seed::providers {

class Trace {
public:
    explicit Trace(asio::any_io_executor executor) : told_(executor) {}

    // Somebody looks as long as this lives.
    class Look {
    public:
        Look(Trace &trace, bool bodies);
        ~Look();
        Look(const Look &) = delete;

    private:
        Trace &trace_;
        const bool bodies_;
    };
    bool watched() const { return looks_ > 0; }
    bool bodies_wanted() const { return bodies_ > 0; }

    void tell(json entry);
    int64_t first() const { return next_ - static_cast<int64_t>(entries_.size()); }
    int64_t next() const { return next_; }
    std::vector<json> read(int64_t from, size_t most) const;
    Task<void> wait_for(int64_t from, Call::Clock::time_point deadline);  // until next() > from, or the deadline

private:
    struct Kept {
        json entry;
        size_t bytes;
    };
    std::deque<Kept> entries_;
    size_t bytes_ = 0;
    int64_t next_ = 1;
    int looks_ = 0, bodies_ = 0;
    Event told_;
};

// One call while it is traced.
class TracedCall {
public:
    // Changes `options`: its items are counted on their way.
    TracedCall(Trace &trace, const Provider &provider, const Call &call, const std::string &slot, const json &request, CallOptions &options);
    void ended(Code code, const std::string &text, int64_t retry_after_ms, const json &reply);

private:
    struct Seen {
        size_t items = 0, bytes = 0, descriptors = 0;
        bool cut = false;
        json bodies = json::array();
    };
    Trace &trace_;
    const Provider &provider_;
    std::string slot_;
    bool bodies_, streams_;
    json entry_;
    std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();
    Call::Clock::time_point began_ = Call::Clock::now();
};

}  // namespace seed::providers
