#include "tests/simulation/providers.h"

#include <algorithm>
#include <deque>

#include <seed/git.hpp>
#include <seed/storage.hpp>
#include <seed/util/failure.h>

namespace seed::simulation {

using std::chrono::milliseconds;
using std::chrono::seconds;

Task<void> pause(asio::any_io_executor executor, const Call &call, Clock::duration duration, std::shared_ptr<Event> ended) {
    Call mine = call;
    auto woken = ended;
    // The host's death and the call's cancellation wake the same event's waiters: each looks which it was.
    std::shared_ptr<void> interest = mine.on_cancel([executor, woken] {
        if (!woken->is_set()) {
            woken->set();
            woken->clear();
        }
    });
    auto until = Clock::now() + std::min(duration, Clock::duration(std::chrono::hours(24 * 400)));
    while (Clock::now() < until) {
        mine.check();
        if (woken->is_set()) throw Failure(Code::unavailable, "the provider's host died");
        auto next = std::min(until, mine.deadline());
        co_await woken->wait_until(next);
        if (woken->is_set()) throw Failure(Code::unavailable, "the provider's host died");
    }
    mine.check();
}

void SimulatedProvider::die() {
    death_->set();
    death_ = std::make_shared<Event>(executor_);
}

Task<json> SimulatedProvider::call(const Call &the_call, std::string slot, json request, providers::CallOptions options) {
    Call call = the_call;
    call.check();
    auto death = death_;
    auto drawn = [&](unsigned rate) { return faults_.active && chance_.once_in(rate); };
    auto before = milliseconds(chance_.between(0, 20)), after = milliseconds(chance_.between(0, 20));
    if (drawn(faults_.slow)) before += milliseconds(chance_.between(100, 9000));
    co_await pause(executor_, call, before, death);
    if (drawn(faults_.refused)) throw Failure(Code::unavailable, slot + " was refused by chance");
    if (drawn(faults_.hung)) co_await pause(executor_, call, std::chrono::hours(24 * 365), death);
    if (slot == "wait") {
        co_await wait(call, request, options, death);
        co_return json::object();
    }
    auto found = effects.find(slot);
    if (found == effects.end()) throw Failure(Code::unsupported, slot);
    Effect effect = found->second;
    auto again = [effect, request] {
        try {
            effect(request);
        } catch (const Failure &) {  // nobody hears it
        }
    };
    if (outside_.late_effects && drawn(faults_.late)) {
        time_.after(milliseconds(chance_.between(1, 6000)), again);
        throw Failure(Code::timeout, slot + " took too long");
    }
    json reply = effect(request);
    if (outside_.late_effects && drawn(faults_.twice)) time_.after(milliseconds(chance_.between(1, 6000)), again);
    co_await pause(executor_, call, after, death);
    if (drawn(faults_.lost)) throw Failure(Code::unavailable, "the answer of " + slot + " was lost");
    if (reply.is_array()) {  // a stream's items
        for (const auto &item : reply) options.on_item(item, {});
        co_return json::object();
    }
    co_return reply;
}

struct ProviderSet::Watcher {
    Watcher(asio::any_io_executor executor) : news(executor) {}
    Event news;
    std::deque<runtime::Boot> boots;
};

void ProviderSet::runtime_changed(const runtime::Boot &boot) {
    for (auto &watcher : watchers_) {
        watcher->boots.push_back(boot);
        watcher->news.set();
    }
}

// As the contract says: the state now, each change, and for a single boot the end when it is ready or has exited.
Task<void> ProviderSet::wait(const Call &the_call, const json &request, const providers::CallOptions &options, std::shared_ptr<Event> death) {
    Call call = the_call;
    std::string handle = request.value("handle", "");
    auto watcher = std::make_shared<Watcher>(executor_);
    for (const auto &[name, machine] : outside_.machines)
        if (handle.empty() || name == handle) watcher->boots.push_back(machine.boot);
    if (!handle.empty() && watcher->boots.empty()) throw Failure(Code::not_found, "there is no boot " + handle);
    watchers_.push_back(watcher);
    struct Leave {
        std::vector<std::shared_ptr<Watcher>> &watchers;
        std::shared_ptr<Watcher> mine;
        ~Leave() { std::erase(watchers, mine); }
    } leave{watchers_, watcher};
    for (;;) {
        while (!watcher->boots.empty()) {
            runtime::Boot boot = watcher->boots.front();
            watcher->boots.pop_front();
            if (!handle.empty() && boot.handle != handle) continue;
            options.on_item(json(boot), {});
            if (!handle.empty() && boot.state != "starting") co_return;
        }
        watcher->news.clear();
        // Looked at every second instead of woken by three sides: virtual time costs nothing.
        auto next = std::min(Clock::now() + seconds(1), call.deadline());
        co_await watcher->news.wait_until(next);
        call.check();
        if (death->is_set()) throw Failure(Code::unavailable, "the provider's host died");
    }
}

ProviderSet::ProviderSet(asio::any_io_executor executor, VirtualTime &time, Chance &chance, Outside &outside, const Faults &faults)
    : executor_(executor), outside_(outside) {
    for (auto *provider : {&runtime, &storage, &dns, &git})
        *provider = std::make_shared<SimulatedProvider>(executor, time, chance, outside, faults);
    Outside *world = &outside;
    json nothing = json::object();

    runtime->wait = [this](const Call &call, const json &request, const providers::CallOptions &options, std::shared_ptr<Event> death) {
        return wait(call, request, options, death);
    };
    runtime->effects = {
        {"list",
         [world](const json &) {
             runtime::ListReply reply;
             for (const auto &[handle, machine] : world->machines) reply.boots.push_back(machine.boot);
             return json(reply);
         }},
        {"images",
         [world](const json &) {
             runtime::ImagesReply reply;
             reply.keys.assign(world->images.begin(), world->images.end());
             return json(reply);
         }},
        {"prepare",
         [world](const json &request) {
             auto image = request.get<runtime::PrepareRequest>();
             world->prepare(image.key, image.image);
             return json{{"key", image.key}};
         }},
        {"recover", [world, nothing](const json &) { return world->runtime_taken_up = true, nothing; }},
        {"start", [world](const json &request) { return json(world->start(request.get<runtime::StartRequest>())); }},
        {"stop", [world, nothing](const json &request) { return world->stop(request.at("handle")), nothing; }},
        {"destroy", [world, nothing](const json &request) { return world->destroy(request.at("handle")), nothing; }},
        {"forget", [world, nothing](const json &request) { return world->forget(request.at("key")), nothing; }},
        {"publish",
         [world](const json &request) {
             auto publication = request.get<runtime::PublishRequest>();
             world->publish(publication);
             return json(runtime::PublishReply{});
         }},
    };
    storage->effects = {
        {"list",
         [world](const json &) {
             storage::ListReply reply;
             for (const auto &[volume, size] : world->volumes) reply.volumes.push_back({volume, size, 0, 0});
             return json(reply);
         }},
        {"create", [world, nothing](const json &request) { return world->create_volume(request.at("volume"), request.at("size_bytes")), nothing; }},
        {"resize", [world, nothing](const json &request) { return world->resize_volume(request.at("volume"), request.at("size_bytes")), nothing; }},
        {"attach",
         [world](const json &request) {
             std::string volume = request.at("volume");
             if (!world->volumes.contains(volume)) throw Failure(Code::not_found, "there is no volume " + volume);
             return json(storage::AttachReply{"/volumes/" + volume, world->volumes.at(volume)});
         }},
        {"remove", [world, nothing](const json &request) -> json { world->broken("volume " + request.at("volume").get<std::string>() + " was to be removed"); }},
    };
    dns->effects = {
        {"list",
         [world](const json &) {
             json items = json::array();
             for (const auto &[key, set] : world->records) items.push_back(set);
             return items;
         }},
        {"apply", [world, nothing](const json &request) { return world->apply_records(request.get<seed::dns::ApplyRequest>()), nothing; }},
        {"remove", [world, nothing](const json &request) { return world->remove_records(request.get<seed::dns::RemoveRequest>()), nothing; }},
    };
    git->effects = {
        {"check", [nothing](const json &) { return nothing; }},
        {"list",
         [world](const json &) {
             seed::git::ListReply reply;
             for (const auto &[repository, head] : world->heads) reply.repositories.push_back({repository, "refs/heads/main", head});
             return json(reply);
         }},
        {"resolve",
         [world](const json &request) {
             std::string commit = request.value("ref", "");
             if (commit.empty()) {
                 auto head = world->heads.find(request.at("repository").get<std::string>());
                 if (head == world->heads.end()) throw Failure(Code::not_found, "the branch has no commit");
                 commit = head->second;
             }
             if (!world->commits.contains(commit)) throw Failure(Code::not_found, "there is no commit " + commit);
             return json{{"commit", commit}, {"tree", commit}, {"ref", "refs/heads/main"}};
         }},
        {"fetch", [](const json &request) { return json{{"tree", request.at("commit")}}; }},
    };
}

}  // namespace seed::simulation
