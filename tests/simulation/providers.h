// The four providers of a life of the process: what Outside does, with delays, faults and deaths.
#pragma once
#include <memory>

#include "core/providers/provider.h"
#include "tests/simulation/outside.h"

namespace seed::simulation {

// One in so many calls; 0: never.
struct Faults {
    bool active = true;
    unsigned refused = 0;  // fails before it had its effect
    unsigned lost = 0;     // had its effect, the answer is lost
    unsigned late = 0;     // the caller gave up; carried out seconds later
    unsigned twice = 0;    // carried out again seconds later
    unsigned hung = 0;     // never answers
    unsigned slow = 0;     // takes seconds
};

// Waits in virtual time; throws when the call ends first, or when `ended` is set (its host died).
Task<void> pause(asio::any_io_executor executor, const Call &call, Clock::duration duration, std::shared_ptr<Event> ended);

class SimulatedProvider : public providers::Provider {
public:
    using Effect = std::function<json(const json &)>;  // must not refer to the life: it may come late

    SimulatedProvider(asio::any_io_executor executor, VirtualTime &time, Chance &chance, Outside &outside, const Faults &faults)
        : executor_(executor), time_(time), chance_(chance), outside_(outside), faults_(faults), death_(std::make_shared<Event>(executor)) {}

    Task<json> call(const Call &call, std::string slot, json request, providers::CallOptions options) override;
    const providers::ProviderSettings &settings() const override { return settings_; }
    json describe() const override { return json::object(); }
    void shut_down() override {}
    void die();  // every call in flight ends; the next one finds a new host

    std::map<std::string, Effect> effects;
    std::function<Task<void>(const Call &, const json &, const providers::CallOptions &, std::shared_ptr<Event> death)> wait;  // runtime's stream

private:
    asio::any_io_executor executor_;
    VirtualTime &time_;
    Chance &chance_;
    Outside &outside_;
    const Faults &faults_;
    std::shared_ptr<Event> death_;
    providers::ProviderSettings settings_;
};

struct ProviderSet {
    ProviderSet(asio::any_io_executor executor, VirtualTime &time, Chance &chance, Outside &outside, const Faults &faults);
    void runtime_changed(const runtime::Boot &boot);
    std::vector<SimulatedProvider *> all() const { return {runtime.get(), storage.get(), dns.get(), git.get()}; }

    std::shared_ptr<SimulatedProvider> runtime, storage, dns, git;

private:
    Task<void> wait(const Call &call, const json &request, const providers::CallOptions &options, std::shared_ptr<Event> death);
    struct Watcher;
    asio::any_io_executor executor_;
    Outside &outside_;
    std::vector<std::shared_ptr<Watcher>> watchers_;
};

}  // namespace seed::simulation
