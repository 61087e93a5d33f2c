// contract.*: what one kind of provider must do, as its scenario says (scenario.h).
#include <fcntl.h>
#include <unistd.h>

#include "core/conformance/scenario.h"

namespace seed::conformance {

namespace {

struct Life {
    Plugin plugin;
    Scenario scenario;
    Instance instance;
    json made;
    explicit Life(const Subject &subject) : plugin(subject), scenario(plugin, subject), instance(plugin, subject) {
        scenario.prepare(instance);
        made = scenario.observe(instance);
    }
    void expect_unchanged(const std::string &after) {
        json now = scenario.observe(instance);
        require(now == made, after + " changed what is there: " + now.dump().substr(0, 400) + " instead of " + made.dump().substr(0, 400));
    }
    void each(const std::string &list, Code code, const char *name) {
        auto steps = scenario.steps(list);
        if (steps.empty()) skip("nothing of this kind can be asked of a " + plugin.kind() + " provider");
        for (const Step &step : steps) {
            Outcome outcome = instance.call(step.slot, step.request);
            require(outcome.code == code, "'" + step.slot + "' on " + step.request.dump() + " answers " + outcome.to_string() + ", not " + name);
        }
        expect_unchanged(list == "gone" ? "removing what is not there" : "a request that must change nothing");
    }
};

void undo(const Subject &subject) {
    Plugin plugin(subject);
    Scenario scenario(plugin, subject);
    if (scenario.steps("undo").empty()) skip("nothing that a " + plugin.kind() + " provider makes can be taken away");
    Instance instance(plugin, subject);
    json before = json::array();
    scenario.prepare(instance);
    json made = scenario.observe(instance);
    if (made.is_null() || made.empty()) skip("nothing can be made without the values that \"given\" in the configuration file names");
    scenario.undo(instance);
    json after = scenario.observe(instance);
    require(after == before, "after removing everything there is still " + after.dump().substr(0, 400));
    scenario.undo(instance);  // twice is once
}

void twice(const Subject &subject) {
    Life life(subject);
    for (const Step &step : life.scenario.repeatable()) {
        CallOptions options;
        options.request_id = "the-same-" + step.slot;
        life.instance.ask(step.slot, step.request, options);
        json after_one = life.scenario.observe(life.instance);
        for (int i = 0; i < 9; ++i) life.instance.ask(step.slot, step.request, options);
        json after_ten = life.scenario.observe(life.instance);
        require(after_one == after_ten, "'" + step.slot + "' ten times with one request_id is not the same as once: " +
                                            after_ten.dump().substr(0, 300) + " instead of " + after_one.dump().substr(0, 300));
    }
}

}  // namespace

std::vector<Check> kind_checks() {
    return {
        {"contract.undo", "what was made can be removed, twice, and is gone", undo},
        {"contract.twice", "a change asked ten times with one request_id is made once", twice},
        {"contract.unknown", "what is not there is NOT_FOUND", [](const Subject &s) { Life(s).each("unknown", Code::not_found, "NOT_FOUND"); }},
        {"contract.gone", "removing what is not there succeeds", [](const Subject &s) { Life(s).each("gone", Code::ok, "OK"); }},
        {"contract.conflict", "what exists differently is CONFLICT, and nothing is changed, not even in part",
         [](const Subject &s) { Life(s).each("conflict", Code::conflict, "CONFLICT"); }},
        {"contract.ignored", "what belongs to others is left alone", [](const Subject &s) { Life(s).each("ignored", Code::ok, "OK"); }},
        {"contract.limit", "what costs too much is LIMIT, and nothing is bought",
         [](const Subject &s) { Life(s).each("limit", Code::limit, "LIMIT"); }},
        {"contract.invalid", "what must not be done is INVALID, and nothing is changed",
         [](const Subject &s) { Life(s).each("invalid", Code::invalid, "INVALID"); }},
    };
}

}  // namespace seed::conformance
