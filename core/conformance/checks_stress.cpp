// stress.*: calls beside each other, as the core makes them.
#include <atomic>
#include <thread>

#include "core/conformance/random_request.h"
#include "core/conformance/scenario.h"

namespace seed::conformance {

namespace {

// Runs `body` on several threads; the first finding of any of them.
template <typename Body>
void in_parallel(unsigned count, Body body) {
    std::vector<std::thread> crew;
    std::mutex lock;
    std::optional<Finding> first;
    for (unsigned i = 0; i < count; ++i) {
        crew.emplace_back([&, i] {
            try {
                body(i);
            } catch (const Finding &finding) {
                std::lock_guard guard(lock);
                if (!first) first = finding;
            }
        });
    }
    for (auto &thread : crew) thread.join();
    if (first) throw *first;
}

void concurrent(const Subject &subject) {
    Plugin plugin(subject);
    if (!(plugin.provider().flags & SEED_CONCURRENT)) skip("the provider does not claim SEED_CONCURRENT");
    Scenario scenario(plugin, subject);
    Instance instance(plugin, subject);
    scenario.prepare(instance);
    json before = scenario.observe(instance);
    auto steps = scenario.valid();
    in_parallel(6, [&](unsigned worker) {
        for (unsigned round = 0; round < 15; ++round) {
            const Step &step = steps[(worker + round) % steps.size()];
            CallOptions options;
            options.request_id = "the-same-" + step.slot;
            Outcome outcome = instance.call(step.slot, step.request, options);
            require(outcome.ok(), "'" + step.slot + "' beside other calls answers " + outcome.to_string());
            check_outcome(plugin, step.slot, outcome, step.request.dump());
        }
    });
    (void)before;
    scenario.undo(instance);
}

void streams(const Subject &subject) {
    Plugin plugin(subject);
    Scenario scenario(plugin, subject);
    std::vector<Step> streaming, plain;
    for (const Step &step : scenario.steps("endless")) streaming.push_back(step);
    for (const Step &step : scenario.valid()) {
        const auto *slot = plugin.contract().find(step.slot);
        (slot->flow == providers::Flow::plain ? plain : streaming).push_back(step);
    }
    if (streaming.empty()) skip("a " + plugin.kind() + " provider has no streams");
    Instance instance(plugin, subject);
    scenario.prepare(instance);
    std::mutex exclusive;   // plain calls come one at a time
    in_parallel(4, [&](unsigned worker) {
        for (unsigned round = 0; round < 10; ++round) {
            bool stream = worker < 3 || plain.empty();
            const Step &step = stream ? streaming[(worker + round) % streaming.size()] : plain[round % plain.size()];
            CallOptions options;
            if (stream) options.cancel_after = 20ms;
            std::unique_lock guard(exclusive, std::defer_lock);
            if (!stream) guard.lock();
            Outcome outcome = instance.call(step.slot, step.request, options);
            bool fine = outcome.ok() || (stream && outcome.code == Code::cancelled);
            require(fine, "'" + step.slot + "' beside streams answers " + outcome.to_string());
        }
    });
    scenario.undo(instance);
}

}  // namespace

std::vector<Check> stress_checks() {
    return {
        {"stress.concurrent", "calls beside each other work, when the provider claims SEED_CONCURRENT", concurrent, 60},
        {"stress.streams", "streams run beside other calls", streams, 60},
    };
}

}  // namespace seed::conformance
