// fuzz.*: requests nobody would send.  The seed is printed; the same seed sends the same requests.
#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "core/conformance/process_state.h"
#include "core/conformance/random_request.h"
#include "core/conformance/scenario.h"

namespace seed::conformance {

CallOptions patient(const Plugin &plugin, const std::string &slot) {
    CallOptions options;
    const auto *known = plugin.contract().find(slot);
    if (known && known->flow != providers::Flow::plain) {
        options.deadline = 50ms;
        options.patience = 5s;
    }
    return options;
}

size_t send_random(const Plugin &plugin, const Subject &subject, RandomRequests &random, const Ask &ask) {
    size_t sent = 0;
    for (unsigned i = 0; i < subject.requests; ++i) {
        for (const std::string &slot : plugin.slots()) {
            json request = random.request(slot);
            bool streams = plugin.contract().find(slot)->flow != providers::Flow::plain;
            if (streams && i >= subject.requests / 10 + 1) continue;
            Outcome outcome = ask(slot, request, patient(plugin, slot));
            ++sent;
            std::string text = to_json_text(request);
            check_outcome(plugin, slot, outcome, text);
            // INTERNAL is "a bug in the plugin": whatever is asked, there is a better answer.
            require(outcome.code != Code::internal, "'" + slot + "' on " + printable(text, 300) + " answers " + outcome.to_string());
            require(outcome.ok() || !outcome.text.empty(), "'" + slot + "' on " + printable(text, 300) + " fails without a sentence");
        }
    }
    return sent;
}

namespace {

void random_requests(const Subject &subject) {
    Plugin plugin(subject);
    Scenario scenario(plugin, subject);
    Instance instance(plugin, subject);
    scenario.prepare(instance);
    RandomRequests random(plugin.kind(), subject.seed);
    size_t sent = send_random(plugin, subject, random, [&](const std::string &slot, const json &request, const CallOptions &options) {
        return instance.call(slot, request, options);
    });
    for (const Step &step : scenario.valid()) {
        if (step.slot == "check") instance.ask(step.slot, step.request);
    }
    instance.close();
    throw Finding{Verdict::pass, std::to_string(sent) + " requests"};
}

void random_bytes(const Subject &subject) {
    Plugin plugin(subject);
    Instance instance(plugin, subject);
    RandomRequests random(plugin.kind(), subject.seed);
    for (unsigned i = 0; i < subject.requests / 4 + 1; ++i) {
        for (const std::string &slot : plugin.slots()) {
            std::string text = random.bytes();
            Outcome outcome = instance.call_text(slot, text, patient(plugin, slot));
            require(!outcome.ok() || (json::accept(text) && json::parse(text).is_object()), "'" + slot + "' accepts " + printable(text, 100));
            require(outcome.raw >= SEED_OK && outcome.raw <= SEED_INTERNAL, "'" + slot + "' returned code " + std::to_string(outcome.raw));
        }
    }
    instance.close();
}

}  // namespace

std::vector<Check> fuzz_checks() {
    return {
        {"fuzz.requests", "random requests end with a documented code and a reply that fits, never with INTERNAL", random_requests, 300},
        {"fuzz.bytes", "requests that are garbage are refused", random_bytes, 120},
    };
}

}  // namespace seed::conformance
