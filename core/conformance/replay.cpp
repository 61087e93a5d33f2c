#include "core/conformance/replay.h"

#include <algorithm>
#include <set>

#include <seed/util/file.h>
#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "core/conformance/scenario.h"

namespace seed::conformance {

namespace {

constexpr size_t largest_recording = 256u << 20, most_differences = 5;
constexpr const char *mask = "***";

struct Recorded {
    size_t line;
    std::string kind, operation, request_id, code;
    json request, reply, items;
    bool cut = false;
    size_t given = 0;
};

struct How {
    json prepare = json::array(), secrets = json::object();
    std::set<std::string> ignored;
};

Recorded recorded_from(const json &entry, size_t line) {
    Recorded call;
    call.line = line;
    call.kind = entry.at("kind");
    call.operation = entry.at("operation");
    call.request_id = entry.at("request_id");
    call.code = entry.at("code");
    call.request = entry.at("request");
    call.reply = entry.value("reply", json());
    call.items = entry.value("item_bodies", json());
    call.cut = entry.value("cut", false);
    call.given = entry.value("given", size_t{0});
    return call;
}

std::vector<Recorded> read_recording(const std::string &file) {
    std::vector<Recorded> calls;
    size_t number = 0;
    for (const std::string &line : split(read_file(file, largest_recording), '\n')) {
        ++number;
        if (trim(line).empty()) continue;
        try {
            json entry = json::parse(line);
            if (entry.at("event") == "call") calls.push_back(recorded_from(entry, number));
        } catch (const json::exception &error) {
            throw Failure(Code::invalid, file + " line " + std::to_string(number) + " is not from a recording (seed plugin trace --bodies --json): " + error.what());
        }
    }
    if (calls.empty()) throw Failure(Code::invalid, file + " holds no call: record with seed plugin trace --bodies --json");
    return calls;
}

// Puts the author's values where the recording has masks; false: one is missing.
bool fill_secrets(json &value, const std::string &name, const json &secrets) {
    if (value.is_string() && value.get_ref<const std::string &>().find(mask) != std::string::npos) {
        if (!secrets.contains(name)) return false;
        value = secrets[name];
        return true;
    }
    bool all = true;
    if (value.is_object())
        for (auto &[member, inner] : value.items()) all = fill_secrets(inner, member, secrets) && all;
    if (value.is_array())
        for (json &element : value) all = fill_secrets(element, name, secrets) && all;
    return all;
}

// What two answers are compared by.
json essence(const json &value, const How &how) {
    if (value.is_object()) {
        json result = json::object();
        for (const auto &[member, inner] : value.items())
            if (!how.ignored.contains(member) && !member.ends_with("_ms")) result[member] = essence(inner, how);
        return result;
    }
    if (value.is_array()) {
        std::vector<json> elements;
        for (const json &element : value) elements.push_back(essence(element, how));
        std::sort(elements.begin(), elements.end(), [](const json &a, const json &b) { return a.dump() < b.dump(); });
        return elements;
    }
    return value;
}

bool tells_circumstances(const std::string &code) {
    return code == "unavailable" || code == "timeout" || code == "cancelled" || code == "limit";
}

// Empty: as recorded.
std::string difference(const Plugin &plugin, Instance &instance, const Recorded &call, const json &request, const How &how) {
    bool streams = plugin.contract().find(call.operation)->flow != providers::Flow::plain;
    bool lasted = streams && tells_circumstances(call.code);
    CallOptions options;
    options.request_id = call.request_id;
    if (lasted) options.deadline = 500ms;
    Outcome outcome = instance.call(call.operation, request, options);
    check_outcome(plugin, call.operation, outcome, to_json_text(request));
    if (tells_circumstances(call.code)) return "";
    std::string code(to_string(outcome.code));
    if (code != call.code) return "answers " + (outcome.ok() ? "ok" : outcome.to_string()) + ", recorded is " + call.code;
    if (!outcome.ok() || call.cut) return "";
    json said = json::array();
    for (const std::string &text : outcome.replies) said.push_back(json::parse(text));
    json now = essence(streams ? said : outcome.reply(), how);
    json then = essence(streams ? call.items : call.reply, how);
    // Masks stand for what nobody knows any more.
    if (now == then || to_json_text(then).find(mask) != std::string::npos) return "";
    return "replies " + printable(to_json_text(now), 300) + ", recorded is " + printable(to_json_text(then), 300);
}

void play(const Subject &subject, const std::vector<Recorded> &calls, const How &how) {
    Plugin plugin(subject);
    Instance instance(plugin, subject);
    for (const json &step : how.prepare) instance.ask(step.at(0), step.at(1));
    size_t played = 0, descriptors = 0, secrets = 0, others = 0, wrong = 0;
    std::string differences;
    for (const Recorded &call : calls) {
        const auto *slot = plugin.contract().find(call.operation);
        json request = call.request;
        if (call.kind != plugin.kind() || !slot) {
            ++others;
        } else if (call.given > 0 || slot->flow == providers::Flow::conversation) {
            ++descriptors;
        } else if (!fill_secrets(request, "", how.secrets)) {
            ++secrets;
        } else {
            ++played;
            std::string found = difference(plugin, instance, call, request, how);
            if (found.empty()) continue;
            if (++wrong <= most_differences) differences += (differences.empty() ? "" : "; ") + std::string("line ") + std::to_string(call.line) + ", '" + call.operation + "': " + found;
        }
    }
    instance.close();
    std::string left_out = (others ? "; " + std::to_string(others) + " of other providers" : "") + (descriptors ? "; " + std::to_string(descriptors) + " with descriptors left out" : "") +
                           (secrets ? "; " + std::to_string(secrets) + " left out because of secrets that the configuration file does not fill in" : "");
    require(wrong == 0, std::to_string(wrong) + " of " + std::to_string(played) + " calls differ" + left_out + ": " + differences);
    require(played > 0, "none of the recorded calls can be played" + left_out);
    throw Finding{Verdict::pass, std::to_string(played) + " calls played" + left_out};
}

}  // namespace

Check replay_check(const std::string &file, const json &given) {
    auto calls = read_recording(file);
    How how;
    how.ignored = {"remarks"};
    how.prepare = given.value("prepare", json::array());
    how.secrets = given.value("secrets", json::object());
    for (const json &member : given.value("ignore", json::array())) how.ignored.insert(member.get<std::string>());
    return {"replay.calls", "answers as recorded", [calls, how](const Subject &subject) { play(subject, calls, how); }, 900};
}

}  // namespace seed::conformance
