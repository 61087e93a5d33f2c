#include "core/conformance/scenario.h"

#include <algorithm>

#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "core/conformance/scenarios.h"
#include "core/providers/schema.h"

namespace seed::conformance {

namespace {

json document_of(const std::string &kind) {
    for (const auto &[name, text] : scenario_texts) {
        if (name == kind) return json::parse(text);
    }
    return json::object();
}

}  // namespace

Scenario::Scenario(const Plugin &plugin, const Subject &subject)
    : plugin_(plugin), document_(document_of(plugin.kind())), given_(subject.given) {
    observe_ = document_.value("observe", json());
}

// "@name@" becomes the given value; a request with one that is not given cannot be used.
json Scenario::filled(const json &request) const {
    json result = request;
    if (!result.is_object()) return result;
    for (auto &[member, value] : result.items()) {
        if (!value.is_string()) continue;
        const auto &text = value.get_ref<const std::string &>();
        if (text.size() > 2 && text.front() == '@' && text.back() == '@')
            value = given_.value(text.substr(1, text.size() - 2), json());
    }
    return result;
}

bool Scenario::usable(const json &request) const {
    json complete = filled(request);
    return std::none_of(complete.begin(), complete.end(), [](const json &value) { return value.is_null(); });
}

std::vector<Step> Scenario::steps(const std::string &list) const {
    std::vector<Step> result;
    json entries = document_.value(list, json::array());
    for (const json &entry : entries) {
        if (!plugin_.operation(entry[0])) continue;
        // What follows a step that cannot be done may depend on it.
        if (!usable(entry[1])) break;
        result.push_back({entry[0], filled(entry[1])});
    }
    return result;
}

std::vector<Step> Scenario::valid() const {
    std::vector<Step> result;
    json entries = document_.value("valid", json::object());
    for (const auto &slot : plugin_.slots()) {
        if (entries.contains(slot) && usable(entries[slot])) result.push_back({slot, filled(entries[slot])});
    }
    return result;
}

std::vector<Step> Scenario::repeatable() const {
    json slots = document_.value("repeat", json::array());
    auto steps = valid();
    std::erase_if(steps, [&](const Step &step) { return std::find(slots.begin(), slots.end(), step.slot) == slots.end(); });
    return steps;
}

void Scenario::prepare(Instance &instance) const {
    for (const Step &step : steps("prepare")) instance.ask(step.slot, step.request);
}

void Scenario::undo(Instance &instance) const {
    for (const Step &step : steps("undo")) instance.ask(step.slot, step.request);
}

json Scenario::observe(Instance &instance) const {
    if (observe_.is_null()) return nullptr;
    std::string slot = observe_["slot"];
    if (!plugin_.operation(slot)) return nullptr;
    Outcome outcome = instance.call(slot, observe_["request"]);
    if (!outcome.ok()) fail("'" + slot + "' answers " + outcome.to_string());
    std::vector<json> items;
    if (observe_.contains("items")) {
        json reply = outcome.reply();
        for (const json &item : reply.value(observe_["items"].get<std::string>(), json::array())) items.push_back(item);
    } else {
        for (const std::string &text : outcome.replies) items.push_back(json::parse(text, nullptr, false));
    }
    json where = observe_.value("where", json::object());
    std::erase_if(items, [&](const json &item) {
        for (const auto &[member, value] : where.items()) {
            if (!item.is_object() || item.value(member, json()) != value) return true;
        }
        return false;
    });
    for (json &item : items) {
        for (const json &member : observe_.value("ignore", json::array())) item.erase(member.get<std::string>());
    }
    std::sort(items.begin(), items.end(), [](const json &a, const json &b) { return a.dump() < b.dump(); });
    return json(items);
}

void check_outcome(const Plugin &plugin, const std::string &slot, const Outcome &outcome, const std::string &request) {
    std::string what = "'" + slot + "' on " + printable(request, 300);
    require(outcome.raw >= SEED_OK && outcome.raw <= SEED_INTERNAL,
            what + " returned code " + std::to_string(outcome.raw) + ", which abi.h does not know");
    if (outcome.ok()) {
        const providers::Slot *known = plugin.contract().find(slot);
        bool streams = known && known->flow != providers::Flow::plain;
        for (const std::string &text : outcome.replies) {
            require(json::accept(text), what + " replied with what is not JSON: " + printable(text, 200));
            try {
                providers::check_body(plugin.kind(), slot, streams ? providers::Body::item : providers::Body::reply, json::parse(text));
            } catch (const Failure &failure) {
                fail(std::string(failure.what()) + " (asked: " + printable(request, 300) + ")");
            }
        }
        // A plain slot whose reply has members must say something.
        if (!streams && outcome.replies.empty()) {
            try {
                providers::check_body(plugin.kind(), slot, providers::Body::reply, json::object());
            } catch (const Failure &) {
                fail(what + " answers OK without a reply");
            }
        }
        require(streams || outcome.replies.size() <= 1, what + " replied " + std::to_string(outcome.replies.size()) + " times");
    }
}

}  // namespace seed::conformance
