#include "core/names/records.h"

#include <algorithm>
#include <set>

#include <seed/dns.hpp>

#include "core/base/log.h"

namespace seed::names {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto batch_window = milliseconds(50);
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

    Task<std::vector<dns::RecordSet>> list(const Call &call, std::string of_zone);
    Task<void> write_own(const Call &call, std::string ns, std::vector<model::Record> records);
    Task<void> write_zone(const Call &call, std::string own_zone, const std::vector<model::Record> &records);
    Task<void> flush();
    Task<void> write(const std::map<std::string, std::vector<model::Record>> &batch);

    asio::any_io_executor executor;
    std::shared_ptr<providers::Provider> dns;
    std::string zone, owner;
    std::shared_ptr<OwnZones> own_zones;
    std::set<std::string> ensured;   // own zones that are known to be there
    std::map<std::string, std::vector<model::Record>> pending;   // by namespace; the newest wish counts
    std::vector<std::shared_ptr<Waiter>> waiters;
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
    if (!state->flushing) {
        state->flushing = true;
        spawn_task(state->executor, "records", state->flush());
    }
    bool in_time = co_await waiter->done.wait_until(call.deadline());
    call.check();
    if (!in_time) throw Failure(Code::timeout, "the records of " + ns + " were not written in time; they are tried again");
    if (waiter->failure) std::rethrow_exception(waiter->failure);
}

// Writes what is pending at once, then what came meanwhile after a pause in which more may come.
Task<void> Records::State::flush() {
    auto self = shared_from_this();
    while (!pending.empty()) {
        auto batch = std::exchange(pending, {});
        auto waiting = std::exchange(waiters, {});
        std::map<std::string, std::exception_ptr> failures;   // by namespace
        bool together = true;
        try {
            co_await write(batch);
        } catch (...) {
            together = false;
            for (const auto &[ns, records] : batch) failures[ns] = std::current_exception();
        }
        // One namespace's conflict must not keep another's names out: each by itself.
        if (!together && batch.size() > 1)
            for (const auto &[ns, records] : batch) {
                std::map<std::string, std::vector<model::Record>> one;
                one[ns] = records;
                std::exception_ptr failure;
                try {
                    co_await write(one);
                } catch (...) {
                    failure = std::current_exception();
                }
                failures[ns] = failure;
            }
        for (auto &waiter : waiting) {
            waiter->failure = failures[waiter->ns];
            waiter->done.set();
        }
        co_await sleep_for(batch_window);
    }
    flushing = false;
}

Task<void> Records::State::write(const std::map<std::string, std::vector<model::Record>> &batch) {
    Call call("records", seconds(30));
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
        if (inside.empty()) own_zones->remove(own_zone);
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
