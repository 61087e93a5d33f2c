// contract.*: what every contract asks of every slot.
#include <fcntl.h>

#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "core/conformance/scenario.h"
#include "core/providers/schema.h"

namespace seed::conformance {

namespace {

struct Ready {  // prepared, with what may be asked
    Plugin plugin;
    Scenario scenario;
    Instance instance;
    explicit Ready(const Subject &subject) : plugin(subject), scenario(plugin, subject), instance(plugin, subject) {
        scenario.prepare(instance);
    }
    ~Ready() {
        try {
            scenario.undo(instance);
        } catch (const Finding &) {
            // the check itself has found worse
        }
    }
};

json request_schema(const std::string &kind, const std::string &slot) {
    const json &contract = providers::contract_schema(kind);
    json schema = contract["slots"].value(slot, json::object()).value("request", json::object());
    if (schema.contains("$ref")) {
        std::string name = schema["$ref"];
        return contract["definitions"][name.substr(name.rfind('/') + 1)];
    }
    return schema;
}

void valid(const Subject &subject) {
    Ready ready(subject);
    for (const Step &step : ready.scenario.valid()) {
        Outcome outcome = ready.instance.call(step.slot, step.request);
        require(outcome.ok(), "'" + step.slot + "' answers " + outcome.to_string() + " to " + step.request.dump());
        check_outcome(ready.plugin, step.slot, outcome, step.request.dump());
    }
}

void unknown_members(const Subject &subject) {
    Ready ready(subject);
    for (Step step : ready.scenario.valid()) {
        step.request["x-kit-unknown"] = {{"nested", json::array({1, 2})}};
        Outcome outcome = ready.instance.call(step.slot, step.request);
        require(outcome.ok(), "'" + step.slot + "' answers " + outcome.to_string() + " because of an unknown member: ignore it");
    }
}

void missing_members(const Subject &subject) {
    Ready ready(subject);
    json before = ready.scenario.observe(ready.instance);
    for (const Step &step : ready.scenario.valid()) {
        for (const json &member : request_schema(ready.plugin.kind(), step.slot).value("required", json::array())) {
            json request = step.request;
            request.erase(member.get<std::string>());
            Outcome outcome = ready.instance.call(step.slot, request);
            require(outcome.code == Code::invalid, "'" + step.slot + "' without '" + member.get<std::string>() + "' answers " +
                                                       outcome.to_string() + ", not INVALID");
        }
    }
    require(ready.scenario.observe(ready.instance) == before, "incomplete requests changed something");
}

void wrong_types(const Subject &subject) {
    Ready ready(subject);
    for (const Step &step : ready.scenario.valid()) {
        const json members = request_schema(ready.plugin.kind(), step.slot).value("properties", json::object());
        for (const auto &[member, schema] : members.items()) {
            json request = step.request;
            request[member] = schema.value("type", "object") == "object" ? json(7) : json{{"of", "another type"}};
            Outcome outcome = ready.instance.call(step.slot, request);
            require(outcome.code == Code::invalid, "'" + step.slot + "' with '" + member + "' of another type answers " +
                                                       outcome.to_string() + ", not INVALID");
        }
    }
}

void no_json(const Subject &subject) {
    Ready ready(subject);
    for (const Step &step : ready.scenario.valid()) {
        for (const std::string &text : {std::string("{"), std::string("[]"), std::string("7"), std::string("{\"a\":}"), std::string(3000, '[')}) {
            Outcome outcome = ready.instance.call_text(step.slot, text);
            require(outcome.code == Code::invalid,
                    "'" + step.slot + "' on " + printable(text, 20) + " answers " + outcome.to_string() + ", not INVALID");
        }
    }
}

void sentences(const Subject &subject) {
    Ready ready(subject);
    auto look = [&](const std::string &slot, const Outcome &outcome) {
        if (outcome.ok()) return;
        require(!outcome.text.empty(), "'" + slot + "' fails without a sentence: say why with host->fail()");
        require(outcome.text.size() <= 2000, "'" + slot + "' explains a failure in " + std::to_string(outcome.text.size()) + " bytes");
        require(printable(outcome.text, 4000) == outcome.text,
                "'" + slot + "' explains a failure with control characters or bytes that are not UTF-8: " + printable(outcome.text, 200));
    };
    for (const Step &step : ready.scenario.steps("unknown")) look(step.slot, ready.instance.call(step.slot, step.request));
    for (const Step &step : ready.scenario.steps("invalid")) look(step.slot, ready.instance.call(step.slot, step.request));
    for (const Step &step : ready.scenario.valid()) look(step.slot, ready.instance.call_text(step.slot, "{\"\\u001b[2J\":"));
}

}  // namespace

std::vector<Check> request_checks() {
    return {
        {"contract.valid", "every slot does what it is asked, and its reply fits the contract's schema", valid},
        {"contract.unknown-members", "unknown members of a request are ignored", unknown_members},
        {"contract.missing-members", "a request without a required member is INVALID and changes nothing", missing_members},
        {"contract.wrong-types", "a member of another type is INVALID", wrong_types},
        {"contract.no-json", "a request that is no JSON object is INVALID", no_json},
        {"contract.sentences", "every failure has a printable sentence", sentences},
    };
}

}  // namespace seed::conformance
