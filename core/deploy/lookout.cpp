#include "core/deploy/lookout.h"

#include <boost/asio/post.hpp>
#include <utility>

#include <seed/util/failure.h>

namespace seed::deploy {
namespace {

constexpr auto patience = std::chrono::minutes(2);

struct Look {
    explicit Look(asio::any_io_executor executor) : done(executor) {}
    Event done;
    std::shared_ptr<const View> view;
    std::exception_ptr failure;
};

struct Part {   // of one look, beside the rest of it
    explicit Part(asio::any_io_executor executor) : done(executor) {}
    Event done;
    std::exception_ptr failure;
};

std::string namespace_of(const std::string &qualified) { return qualified.substr(0, qualified.find('/')); }

}  // namespace

struct Lookout::State : std::enable_shared_from_this<State> {
    State(asio::any_io_executor executor, std::shared_ptr<providers::Provider> runtime, std::shared_ptr<providers::Provider> storage,
          names::Records &records, bool machines_alone)
        : executor(std::move(executor)), runtime(std::move(runtime)), storage(std::move(storage)), records(records), machines_alone(machines_alone) {}

    static Task<std::shared_ptr<const View>> take_part(std::shared_ptr<State> state, const Call &the_call);
    Task<void> run();
    Task<std::shared_ptr<const View>> ask();
    Task<void> look_at_providers(const Call &call, std::shared_ptr<View> view);
    Task<void> look_at_records(Call call, std::shared_ptr<View> view, std::shared_ptr<Part> part);

    asio::any_io_executor executor;
    std::shared_ptr<providers::Provider> runtime, storage;
    names::Records &records;
    bool machines_alone;
    std::shared_ptr<Look> next;   // not begun yet: whoever asks now takes part
    bool running = false;
};

Lookout::Lookout(asio::any_io_executor executor, std::shared_ptr<providers::Provider> runtime, std::shared_ptr<providers::Provider> storage,
                 names::Records &records)
    : state_(std::make_shared<State>(executor, runtime, storage, records, /*machines_alone=*/false)),
      machines_(std::make_shared<State>(executor, runtime, storage, records, /*machines_alone=*/true)) {}

Task<std::shared_ptr<const View>> Lookout::look(const Call &call) { return State::take_part(state_, call); }
Task<std::shared_ptr<const View>> Lookout::look_at_machines(const Call &call) { return State::take_part(machines_, call); }

Task<std::shared_ptr<const View>> Lookout::State::take_part(std::shared_ptr<State> state, const Call &the_call) {
    Call call = the_call;
    if (!state->next) state->next = std::make_shared<Look>(state->executor);
    auto mine = state->next;
    if (!state->running) {
        state->running = true;
        spawn_task(state->executor, "look", state->run());
    }
    std::shared_ptr<void> interest = call.on_cancel([mine, executor = state->executor] {
        asio::post(executor, [mine] {   // all who wait look again; only the one who was cancelled leaves
            if (mine->done.is_set()) return;
            mine->done.set();
            mine->done.clear();
        });
    });
    while (!mine->view && !mine->failure) {
        call.check();
        co_await mine->done.wait_until(call.deadline());
    }
    if (mine->failure) std::rethrow_exception(mine->failure);
    co_return mine->view;
}

Task<void> Lookout::State::run() {
    auto self = shared_from_this();
    while (next) {
        co_await asio::post(executor, asio::use_awaitable);   // whoever is about to ask takes part
        auto look = std::exchange(next, nullptr);
        try {
            look->view = co_await ask();
        } catch (...) {
            look->failure = std::current_exception();
        }
        look->done.set();
    }
    running = false;
}

// The providers are asked side by side: each lives in a process of its own, and that of DNS asks a server in turn.
Task<std::shared_ptr<const View>> Lookout::State::ask() {
    auto view = std::make_shared<View>();
    Call call("look", patience);
    auto records_seen = std::make_shared<Part>(executor);
    if (!machines_alone) spawn_task(executor, "look at records", look_at_records(call, view, records_seen));
    std::exception_ptr failure;
    try {
        co_await look_at_providers(call, view);
    } catch (...) {
        failure = std::current_exception();
    }
    if (!machines_alone) co_await records_seen->done.wait();
    if (!failure) failure = records_seen->failure;
    if (failure) std::rethrow_exception(failure);
    co_return view;
}

Task<void> Lookout::State::look_at_providers(const Call &call, std::shared_ptr<View> view) {
    json nothing = json::object();
    runtime::ListReply boots = co_await runtime->ask<runtime::ListReply>(call, "list", nothing);
    for (auto &boot : boots.boots) view->boots[namespace_of(boot.instance)].push_back(std::move(boot));
    storage::ListReply volumes = co_await storage->ask<storage::ListReply>(call, "list", nothing);
    for (auto &volume : volumes.volumes) view->volumes[namespace_of(volume.volume)].push_back(std::move(volume));
    if (machines_alone) co_return;
    runtime::ImagesReply images = co_await runtime->ask<runtime::ImagesReply>(call, "images", nothing);
    view->images.insert(images.keys.begin(), images.keys.end());
}

Task<void> Lookout::State::look_at_records(Call call, std::shared_ptr<View> view, std::shared_ptr<Part> part) {
    auto self = shared_from_this();
    try {
        view->records = co_await records.observe(call);
    } catch (...) {
        part->failure = std::current_exception();
    }
    part->done.set();
}

}  // namespace seed::deploy
