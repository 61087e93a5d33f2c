#include "core/providers/trace.h"

#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "core/providers/contracts.h"
#include "core/providers/secrets.h"

namespace seed::providers {

namespace {

constexpr size_t kept_entries = 2048, kept_bytes = 16u << 20;
constexpr size_t kept_items = 1000, kept_item_bytes = 1u << 20;  // of one stream

}  // namespace

Trace::Look::Look(Trace &trace, bool bodies) : trace_(trace), bodies_(bodies) {
    ++trace_.looks_;
    trace_.bodies_ += bodies_;
}

Trace::Look::~Look() {
    --trace_.looks_;
    trace_.bodies_ -= bodies_;
    if (trace_.looks_ > 0) return;
    trace_.entries_.clear();
    trace_.bytes_ = 0;
}

void Trace::tell(json entry) {
    if (!watched()) return;
    entry["seq"] = next_++;
    size_t bytes = to_json_text(entry).size();
    entries_.push_back({std::move(entry), bytes});
    bytes_ += bytes;
    while (entries_.size() > 1 && (entries_.size() > kept_entries || bytes_ > kept_bytes)) {
        bytes_ -= entries_.front().bytes;
        entries_.pop_front();
    }
    told_.set();
    told_.clear();
}

std::vector<json> Trace::read(int64_t from, size_t most) const {
    std::vector<json> result;
    for (auto at = static_cast<size_t>(std::max<int64_t>(from - first(), 0)); at < entries_.size() && result.size() < most; ++at)
        result.push_back(entries_[at].entry);
    return result;
}

Task<void> Trace::wait_for(int64_t from, Call::Clock::time_point deadline) {
    if (next_ > from) co_return;
    co_await told_.wait_until(deadline);
}

TracedCall::TracedCall(Trace &trace, const Provider &provider, const Call &call, const std::string &slot, const json &request, CallOptions &options)
    : trace_(trace), provider_(provider), slot_(slot), bodies_(trace.bodies_wanted()) {
    const auto &settings = provider.settings();
    const Contract *contract = find_contract(settings.kind);
    const Slot *known = contract ? contract->find(slot) : nullptr;
    streams_ = options.stream || (known && known->flow != Flow::plain);
    entry_ = {{"time_ms", unix_ms()}, {"kind", settings.kind}, {"plugin", settings.plugin}, {"operation", slot}, {"call", call.id()}};
    if (streams_) {
        json begin = entry_;
        begin["event"] = "begin";
        trace_.tell(std::move(begin));
    }
    entry_["event"] = "call";
    entry_["request_bytes"] = to_json_text(request).size();
    if (bodies_) {
        entry_["request_id"] = options.request_id.empty() ? call.id() : options.request_id;
        entry_["given"] = options.descriptors.size();
        entry_["request"] = provider_.secrets().masked_json(mask_body(settings.kind, slot, Body::request, request));
    }
    // Also without somebody who takes items: they come all the same.
    options.on_item = [seen = seen_, keep = bodies_, kind = settings.kind, slot, inner = options.on_item](const json &item, std::vector<UniqueFd> descriptors) {
        ++seen->items;
        size_t bytes = to_json_text(item).size();
        seen->bytes += bytes;
        seen->descriptors += descriptors.size();
        if (keep) {
            if (seen->bodies.size() < kept_items && seen->bytes < kept_item_bytes)
                seen->bodies.push_back(mask_body(kind, slot, Body::item, item));
            else
                seen->cut = true;
        }
        if (inner) inner(item, std::move(descriptors));
    };
}

void TracedCall::ended(Code code, const std::string &text, int64_t retry_after_ms, const json &reply) {
    const auto &settings = provider_.settings();
    auto took = std::chrono::duration_cast<std::chrono::microseconds>(Call::Clock::now() - began_);
    entry_["code"] = to_string(code);
    entry_["duration_us"] = took.count();
    if (!text.empty()) entry_["text"] = provider_.secrets().masked(text);
    if (retry_after_ms > 0) entry_["retry_after_ms"] = retry_after_ms;
    size_t items = streams_ ? seen_->items : 0;
    entry_["items"] = items;
    entry_["descriptors"] = seen_->descriptors;
    entry_["reply_bytes"] = streams_ ? seen_->bytes : code == Code::ok ? to_json_text(reply).size() : size_t{0};
    if (bodies_ && streams_) {
        entry_["item_bodies"] = provider_.secrets().masked_json(seen_->bodies);
        if (seen_->cut) entry_["cut"] = true;
    } else if (bodies_ && code == Code::ok) {
        entry_["reply"] = provider_.secrets().masked_json(mask_body(settings.kind, slot_, Body::reply, reply));
    }
    trace_.tell(std::move(entry_));
}

}  // namespace seed::providers
