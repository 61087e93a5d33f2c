#include "core/names/records.h"

#include <algorithm>
#include <set>

#include <seed/dns.hpp>

#include "core/base/log.h"
#include "core/names/give_up_zone.h"

namespace seed::names {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto batch_window = milliseconds(50);
constexpr auto lane_patience = seconds(2);        // then the next batch begins beside the one that is on its way
constexpr auto together_patience = seconds(10);   // for many namespaces at once, then each by itself
constexpr auto alone_patience = seconds(30);
constexpr uint32_t ttl_seconds = 60;

// "web.s-abc.seed.example." belongs to the namespace "s-abc" of the zone "seed.example.".  A name of the platform's own, such as
// "silo.seed.example.", is a place of its own.
std::string namespace_of(const std::string &name, const std::string &zone) {
    if (name == zone) return name;
    if (!name.ends_with("." + zone)) return {};
    std::string inside = name.substr(0, name.size() - zone.size() - 1);
    auto dot = inside.rfind('.');
    return dot == std::string::npos ? name : inside.substr(dot + 1);
}

// Those of `records` that are in `zone` (empty: the platform's), as record sets by name and type.
std::map<std::pair<std::string, std::string>, dns::RecordSet> sets_of(const std::vector<model::Record> &records, const std::string &zone) {
    std::map<std::pair<std::string, std::string>, dns::RecordSet> sets;
    for (const auto &record : records) {
        if (record.zone != zone) continue;
        auto &set = sets[{record.name, record.type}];
        set.name = record.name;
        set.type = record.type;
        set.ttl = ttl_seconds;
        set.values.push_back(record.value);
    }
    return sets;
}

struct Waiter {
    Waiter(asio::any_io_executor executor, std::string ns) : done(executor), ns(std::move(ns)) {}
    Event done;
    std::string ns;
    std::exception_ptr failure;
};

}  // namespace

struct Records::State : std::enable_shared_from_this<Records::State> {
    State(asio::any_io_executor executor, std::shared_ptr<providers::Provider> dns, std::string zone, std::string owner,
          std::shared_ptr<OwnZones> own_zones)
        : executor(std::move(executor)), dns(std::move(dns)), zone(std::move(zone)), owner(std::move(owner)), own_zones(std::move(own_zones)) {}

    using Batch = std::map<std::string, std::vector<model::Record>>;   // by namespace
    using Waiters = std::vector<std::shared_ptr<Waiter>>;

    void go_on();   // there is something to write
    Task<std::vector<dns::RecordSet>> list(const Call &call, std::string of_zone);
    Task<void> write_own(const Call &call, std::string ns, std::vector<model::Record> records);
    Task<void> write_zone(const Call &call, std::string own_zone, const std::vector<model::Record> &records);
    Task<void> flush();
    void begin(Batch batch, std::shared_ptr<Event> done);
    Task<void> carry(Batch batch, Waiters theirs, std::shared_ptr<Event> done);
    Task<void> write(const Batch &batch, std::chrono::seconds patience);

    asio::any_io_executor executor;
    std::shared_ptr<providers::Provider> dns;
    std::string zone, owner;
    Batch pending;                    // the newest wish of each namespace counts
    Waiters waiters;                  // for what is pending
    std::set<std::string> writing;    // namespaces on their way: none is in two writes at once
    std::set<std::string> slow;       // the last write of theirs did not end in time: they go by themselves
    std::shared_ptr<OwnZones> own_zones;
    std::set<std::string> ensured;   // own zones that are known to be there
    bool flushing = false;
};

Records::Records(asio::any_io_executor executor, std::shared_ptr<providers::Provider> dns, std::string zone, std::string owner,
                 std::shared_ptr<OwnZones> own_zones)
    : state_(std::make_shared<State>(std::move(executor), std::move(dns), std::move(zone), std::move(owner),
                                     own_zones ? std::move(own_zones) : std::make_shared<OwnZones>())) {}

Records::~Records() = default;

Task<void> Records::set(const Call &call, std::string ns, std::vector<model::Record> records) {
    auto state = state_;
    state->pending[ns] = std::move(records);
    auto waiter = std::make_shared<Waiter>(state->executor, ns);
    state->waiters.push_back(waiter);
    state->go_on();
    bool in_time = co_await waiter->done.wait_until(call.deadline());
    call.check();
    if (!in_time) throw Failure(Code::timeout, "the records of " + ns + " were not written in time; they are tried again");
    if (waiter->failure) std::rethrow_exception(waiter->failure);
}

void Records::State::go_on() {
    if (flushing) return;
    flushing = true;
    spawn_task(executor, "records", flush());
}

// Writes what is pending at once, then what came meanwhile after a pause in which more may come.  What is on its way does not keep the
// next ones waiting for longer than `lane_patience`.
Task<void> Records::State::flush() {
    auto self = shared_from_this();
    for (;;) {
        Batch together, alone;
        for (auto &[ns, records] : pending)
            if (!writing.contains(ns)) (slow.contains(ns) ? alone : together)[ns] = std::move(records);
        if (together.empty() && alone.empty()) break;
        auto lane = std::make_shared<Event>(executor);
        begin(together, lane);
        for (auto &[ns, records] : alone) {
            Batch one;
            one[ns] = std::move(records);
            begin(one, nullptr);
        }
        if (!together.empty()) co_await lane->wait_until(Call::Clock::now() + lane_patience);
        co_await sleep_for(batch_window);
    }
    flushing = false;
}

void Records::State::begin(Batch batch, std::shared_ptr<Event> done) {
    if (batch.empty()) return;
    for (const auto &[ns, records] : batch) {
        pending.erase(ns);
        writing.insert(ns);
    }
    Waiters theirs;
    std::erase_if(waiters, [&](const auto &waiter) {
        if (!batch.contains(waiter->ns)) return false;
        theirs.push_back(waiter);
        return true;
    });
    spawn_task(executor, "records", carry(std::move(batch), std::move(theirs), std::move(done)));
}

// One batch, and when it fails as a whole each namespace by itself, side by side: neither one's conflict nor one's hanging call may keep
// another's names out.
Task<void> Records::State::carry(Batch batch, Waiters theirs, std::shared_ptr<Event> done) {
    auto self = shared_from_this();
    std::exception_ptr failure;
    bool late = false;
    try {
        co_await write(batch, batch.size() > 1 ? together_patience : alone_patience);
    } catch (const Failure &error) {
        failure = std::current_exception();
        late = error.code() == Code::timeout;
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure && batch.size() > 1) {
        for (auto &[ns, records] : batch) {
            Waiters his;
            for (const auto &waiter : theirs)
                if (waiter->ns == ns) his.push_back(waiter);
            Batch one;
            one[ns] = std::move(records);
            spawn_task(executor, "records", carry(std::move(one), std::move(his), nullptr));
        }
    } else {
        for (const auto &[ns, records] : batch) {
            writing.erase(ns);
            if (late) slow.insert(ns);
            else slow.erase(ns);
        }
        for (auto &waiter : theirs) {
            waiter->failure = failure;
            waiter->done.set();
        }
        if (!pending.empty()) go_on();   // a newer wish of the same namespace
    }
    if (done) done->set();
}

Task<void> Records::State::write(const Batch &batch, std::chrono::seconds patience) {
    Call call("records", patience);
    std::vector<dns::RecordSet> there = co_await list(call, zone);
    dns::ApplyRequest apply;
    apply.zone = zone;
    apply.owner = owner;
    dns::RemoveRequest remove;
    remove.zone = zone;
    remove.owner = owner;
    for (const auto &[ns, records] : batch) {
        auto wanted = sets_of(records, "");
        for (const auto &set : there)
            if (set.owner == owner && namespace_of(set.name, zone) == ns && !wanted.contains({set.name, set.type}))
                remove.sets.push_back({set.name, set.type});
        for (auto &[key, set] : wanted) apply.sets.push_back(std::move(set));
    }
    if (!apply.sets.empty()) co_await dns->call(call, "apply", apply);
    if (!remove.sets.empty()) co_await dns->call(call, "remove", remove);
    for (const auto &[ns, records] : batch) co_await write_own(call, ns, records);
}

// The zones that this namespace has or shall have, one after the other.
Task<void> Records::State::write_own(const Call &call, std::string ns, std::vector<model::Record> records) {
    std::set<std::string> zones;
    for (const auto &[own_zone, holder] : own_zones->all())
        if (holder == ns) zones.insert(own_zone);
    for (const auto &record : records)
        if (!record.zone.empty()) zones.insert(record.zone);
    for (const auto &own_zone : zones) {
        std::vector<model::Record> inside;
        for (const auto &record : records)
            if (record.zone == own_zone) inside.push_back(record);
        if (!inside.empty()) own_zones->put(own_zone, ns);
        std::exception_ptr failure;
        try {
            co_await write_zone(call, own_zone, inside);
        } catch (const Failure &error) {
            failure = std::make_exception_ptr(Failure(error.code(), "while writing the domain " + own_zone + ": " + error.what()));
        }
        if (failure) {
            ensured.erase(own_zone);   // perhaps somebody took it away
            std::rethrow_exception(failure);
        }
        if (!inside.empty()) continue;
        co_await give_up_zone(call, dns, own_zone);
        ensured.erase(own_zone);
        own_zones->remove(own_zone);
    }
}

Task<void> Records::State::write_zone(const Call &call, std::string own_zone, const std::vector<model::Record> &records) {
    if (!ensured.contains(own_zone)) {
        dns::EnsureZoneRequest ensure;
        ensure.zone = own_zone;
        ensure.name_servers.push_back("ns1." + zone);
        co_await dns->call(call, "ensure_zone", ensure);
        ensured.insert(own_zone);
    }
    std::vector<dns::RecordSet> there = co_await list(call, own_zone);
    auto wanted = sets_of(records, own_zone);
    dns::ApplyRequest apply;
    dns::RemoveRequest remove;
    apply.zone = remove.zone = own_zone;
    apply.owner = remove.owner = owner;
    for (const auto &set : there)
        if (set.owner == owner && !wanted.contains({set.name, set.type})) remove.sets.push_back({set.name, set.type});
    for (auto &[key, set] : wanted) apply.sets.push_back(std::move(set));
    if (!apply.sets.empty()) co_await dns->call(call, "apply", apply);
    if (!remove.sets.empty()) co_await dns->call(call, "remove", remove);
}

Task<std::vector<dns::RecordSet>> Records::State::list(const Call &call, std::string of_zone) {
    std::vector<dns::RecordSet> found;
    providers::CallOptions options;
    options.stream = true;
    options.on_item = [&found](const json &item, std::vector<UniqueFd>) { found.push_back(item.get<dns::RecordSet>()); };
    dns::ZoneRequest request;
    request.zone = of_zone;
    Call part = call.within(seconds(20));
    co_await dns->call(part, "list", request, std::move(options));
    co_return found;
}

Task<std::map<std::string, std::vector<model::Record>>> Records::observe(const Call &call) {
    auto state = state_;
    std::vector<dns::RecordSet> there = co_await state->list(call, state->zone);
    std::map<std::string, std::vector<model::Record>> ours;
    for (const auto &set : there) {
        if (set.owner != state->owner) continue;
        for (const auto &value : set.values) ours[namespace_of(set.name, state->zone)].push_back({set.name, set.type, value, ""});
    }
    auto own_zones = state->own_zones->all();   // it may change while we wait
    for (const auto &[own_zone, ns] : own_zones) {
        std::vector<dns::RecordSet> inside;
        try {
            inside = co_await state->list(call, own_zone);
        } catch (const Failure &failure) {   // taken away by somebody, say: then it has no records, and is written anew
            if (failure.code() != Code::not_found) throw;
            state->ensured.erase(own_zone);
        }
        for (const auto &set : inside)
            if (set.owner == state->owner)
                for (const auto &value : set.values) ours[ns].push_back({set.name, set.type, value, own_zone});
    }
    for (auto &[ns, records] : ours) std::sort(records.begin(), records.end());
    co_return ours;
}

}  // namespace seed::names
