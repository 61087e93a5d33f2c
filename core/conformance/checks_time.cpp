// time.*: deadlines, cancellation, and backends that misbehave.
#include "core/conformance/fault_server.h"
#include "core/conformance/scenario.h"

namespace seed::conformance {

namespace {

constexpr milliseconds soon = 2000ms;   // what the core waits before it replaces the process

void past_deadline(const Subject &subject) {
    Plugin plugin(subject);
    Scenario scenario(plugin, subject);
    Instance instance(plugin, subject);
    scenario.prepare(instance);
    CallOptions options;
    options.deadline = -1000ms;
    options.patience = soon;
    for (const Step &step : scenario.valid()) {
        Outcome outcome = instance.call(step.slot, step.request, options);
        bool fine = outcome.ok() || outcome.code == Code::timeout || outcome.code == Code::unavailable;
        require(fine, "'" + step.slot + "' with a deadline that has passed answers " + outcome.to_string() + ", not TIMEOUT");
    }
}

void cancelled(const Subject &subject) {
    Plugin plugin(subject);
    Scenario scenario(plugin, subject);
    Instance instance(plugin, subject);
    scenario.prepare(instance);
    CallOptions options;
    options.cancel_after = 0ms;
    options.patience = soon;
    for (const Step &step : scenario.valid()) {
        Outcome outcome = instance.call(step.slot, step.request, options);
        bool fine = outcome.ok() || outcome.code == Code::cancelled;
        require(fine, "'" + step.slot + "', cancelled at once, answers " + outcome.to_string() + ", neither OK nor CANCELLED");
    }
}

void endless(const Subject &subject) {
    Plugin plugin(subject);
    Scenario scenario(plugin, subject);
    auto steps = scenario.steps("endless");
    if (steps.empty()) skip("a " + plugin.kind() + " provider has no stream that lasts");
    Instance instance(plugin, subject);
    scenario.prepare(instance);
    for (const Step &step : steps) {
        CallOptions options;
        options.cancel_after = 10ms;
        options.patience = 10ms + soon;
        Outcome outcome = instance.call(step.slot, step.request, options);
        require(outcome.code == Code::cancelled || outcome.ok(), "'" + step.slot + "', cancelled after 10 ms, answers " + outcome.to_string());
        options.cancel_after = -1ms;
        options.deadline = 50ms;
        options.patience = 50ms + soon;
        outcome = instance.call(step.slot, step.request, options);
        require(outcome.code == Code::timeout || outcome.ok(), "'" + step.slot + "', 50 ms after its deadline, answers " + outcome.to_string());
    }
}

// The provider is configured to talk to a server of ours that does `fault`.
void backend(const Subject &subject, Fault fault) {
    if (subject.backend.is_null()) skip("the configuration file has no \"backend\" with @URL@");
    FaultServer server(fault);
    Subject misled = subject;
    std::string config = subject.backend.dump();
    for (auto [word, value] : {std::pair<std::string, std::string>{"@URL@", server.url()}, {"@HOST@", server.host()}, {"@PORT@", std::to_string(server.port())}}) {
        for (size_t at; (at = config.find(word)) != std::string::npos;) config.replace(at, word.size(), value);
    }
    misled.config = json::parse(config);
    Plugin plugin(misled);
    Scenario scenario(plugin, misled);
    Instance instance(plugin, misled);
    unsigned asked = 0;
    for (const Step &step : scenario.valid()) {
        if (++asked > 4) break;
        CallOptions options;
        options.deadline = fault_is_slow(fault) ? 200ms : 3000ms;
        options.patience = options.deadline + soon;
        int before = server.connections();
        Outcome outcome = instance.call(step.slot, step.request, options);
        std::string what = "'" + step.slot + "' with a backend that " + std::string(to_string(fault)) + " answers " + outcome.to_string();
        bool retry = outcome.code == Code::unavailable || outcome.code == Code::timeout || outcome.code == Code::limit;
        bool reports = outcome.ok() && step.slot == "check" && outcome.reply().value("ok", true) == false;
        // This slot does not ask the backend; where nothing listens, only `check` tells.
        bool needless = outcome.ok() && server.connections() == before && (fault != Fault::refuse || step.slot != "check");
        require(retry || reports || needless, what + ": say UNAVAILABLE, TIMEOUT or LIMIT, so that the core tries again");
        require(!outcome.text.empty() || outcome.ok(), what + " without a sentence");
        if (fault == Fault::too_many && !outcome.ok() && step.slot != "check")
            require(outcome.code == Code::limit || outcome.code == Code::unavailable, what + ": 429 is LIMIT");
    }
    require(server.connections() > 0, "the provider never connected to " + server.url() + ": is @URL@ where its backend is configured?");
}

}  // namespace

std::vector<Check> time_checks() {
    std::vector<Check> checks = {
        {"time.past-deadline", "a call whose deadline has passed returns within two seconds", past_deadline},
        {"time.cancelled", "a cancelled call returns within two seconds", cancelled},
        {"time.endless", "a stream that lasts ends within two seconds when it is cancelled or its deadline passes", endless},
    };
    for (Fault fault : all_faults) {
        checks.push_back({"time.backend-" + std::string(name_of(fault)), "a backend that " + std::string(to_string(fault)) + " is an error to try again",
                          [fault](const Subject &subject) { backend(subject, fault); }});
    }
    return checks;
}

}  // namespace seed::conformance
