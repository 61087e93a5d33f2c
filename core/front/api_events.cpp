// What happened, as far as the asker may see it.
#include <algorithm>
#include <set>

#include <seed/util/text.h>

#include "core/events/events.h"
#include "core/front/api.h"

namespace seed::front {
namespace {

constexpr size_t most_at_once = 256;
constexpr int64_t most_refusals_a_minute = 60;
constexpr auto look_again = std::chrono::seconds(1);  // an asker that left is noticed after that

// Of the repositories in `entries` those that this key may see.  Asked for each batch: rights change while somebody follows.
Task<std::set<std::string>> visible_in(access::Access &access, const Call &call, std::string key, const std::vector<events::Entry> &entries) {
    std::set<std::string> repositories, visible;
    for (const auto &entry : entries) repositories.insert(entry.repository);
    for (const auto &repository : repositories) {
        std::optional<access::Role> role = co_await access.role(call, key, repository);
        if (role) visible.insert(repository);
    }
    co_return visible;
}

}  // namespace

// An asker has a position in the stream; what it reads too slowly is skipped, and said to be missing.
Task<json> Api::events(Request &request) {
    if (!deployer_.world().events) throw Failure(Code::unsupported, "this platform records no events");
    auto &stream = *deployer_.world().events;
    bool everything = request.kind == PeerKind::operator_;
    std::string only = request.args.value("repository", "");
    int64_t since_ms = request.args.value("since_ms", int64_t{0});
    auto lines = static_cast<size_t>(std::clamp<int64_t>(request.args.value("lines", int64_t{100}), 0, 100000));

    if (!only.empty()) only = co_await resolve_repository(request, only);
    std::set<std::string> mine;
    auto may_see = [&](const events::Entry &entry) {
        if (entry.time_ms < since_ms || (!only.empty() && entry.repository != only)) return false;
        return everything || mine.contains(entry.repository);
    };
    auto gap = [](int64_t from, int64_t to) {
        return json{{"seq", to - 1}, {"time_ms", unix_ms()}, {"type", "gap"}, {"missed", to - from}};
    };

    int64_t position = 0;
    if (request.args.contains("after")) {  // goes on where an earlier asker stopped
        position = std::clamp<int64_t>(request.args["after"].get<int64_t>(), 0, stream.next()) + 1;
    } else {
        position = stream.next();
        auto all = stream.read(stream.first(), SIZE_MAX);
        if (!everything) mine = co_await visible_in(access_, request.call, request.person.key, all);
        std::vector<events::Entry> seen;
        std::copy_if(all.begin(), all.end(), std::back_inserter(seen), may_see);
        if (seen.size() > lines) seen.erase(seen.begin(), seen.end() - static_cast<std::ptrdiff_t>(lines));
        for (const auto &entry : seen) {
            json item = to_json(entry);
            co_await request.send_item(std::move(item));
        }
    }
    bool follow = request.args.value("follow", false);
    for (;;) {
        request.call.check();
        if (stream.first() > position) {
            json missing = gap(position, stream.first());
            position = stream.first();
            co_await request.send_item(std::move(missing));
        }
        auto batch = stream.read(position, most_at_once);
        if (!everything) mine = co_await visible_in(access_, request.call, request.person.key, batch);
        for (const auto &entry : batch) {
            position = entry.seq + 1;
            if (!may_see(entry)) continue;
            json item = to_json(entry);
            co_await request.send_item(std::move(item));
        }
        if (!batch.empty()) continue;
        if (!follow) break;
        auto until = Call::Clock::now() + look_again;
        co_await stream.wait_for(position, until);
    }
    co_return json{{"last", position - 1}};
}

// Access, admission and quota: told to the operator and to the repository's people.  A stranger who tries a thousand times must not
// push everything else out of the stream.
void Api::tell_refusal(const Request &request, const std::string &op, const Failure &failure) {
    if (failure.code() != Code::denied && failure.code() != Code::limit) return;
    if (metrics_) metrics_->add("seed_refusals_total", {{"code", std::string(to_string(failure.code()))}});
    int64_t minute = unix_ms() / 60000;
    if (minute != refusals_minute_) {
        refusals_minute_ = minute;
        refusals_told_ = 0;
    }
    if (++refusals_told_ > most_refusals_a_minute) return;
    std::string repository = request.args.contains("repository") && request.args["repository"].is_string()
                                 ? request.args["repository"].get<std::string>()
                                 : "";
    if (!deployer_.world().store.flake(repository)) repository.clear();
    deployer_.world().tell(events::Entry("refused", repository).by(request.call.id()).because(op + ": " + failure.what()));
}

}  // namespace seed::front
