// host.*: the same plugin in a process of its own, over frames, as the core runs it.
#include <seed/codec.hpp>

#include "core/conformance/host_process.h"
#include "core/conformance/random_request.h"
#include "core/conformance/scenario.h"

namespace seed::conformance {

namespace {

void same_in_a_process(const Subject &subject) {
    Plugin plugin(subject);
    HostProcess host(plugin, subject);
    Scenario scenario(plugin, subject);
    std::vector<Step> steps = scenario.steps("prepare");
    for (const Step &step : scenario.valid()) steps.push_back(step);
    for (const Step &step : scenario.steps("undo")) steps.push_back(step);
    for (const Step &step : steps) {
        Outcome outcome = host.call(step.slot, step.request);
        require(outcome.ok(), "in a host '" + step.slot + "' answers " + outcome.to_string());
    }
    host.close();
}

void random_requests(const Subject &subject) {
    Plugin plugin(subject);
    HostProcess host(plugin, subject);
    Scenario scenario(plugin, subject);
    for (const Step &step : scenario.steps("prepare")) {
        Outcome outcome = host.call(step.slot, step.request);
        require(outcome.ok(), "in a host '" + step.slot + "' answers " + outcome.to_string());
    }
    RandomRequests random(plugin.kind(), subject.seed);
    size_t sent = send_random(plugin, subject, random, [&](const std::string &slot, const json &request, const CallOptions &options) {
        return host.call(slot, request, options);
    });
    host.close();
    throw Finding{Verdict::pass, std::to_string(sent) + " requests"};
}

}  // namespace

std::vector<Check> host_checks() {
    return {
        {"host.process", "behind seed-plugin-host it does the same, and ends when the core is gone", same_in_a_process, 120},
        {"host.requests", "random requests neither end the host nor leave it with leaks (seen where host and plugin are built with AddressSanitizer)",
         random_requests, 600},
    };
}

}  // namespace seed::conformance
