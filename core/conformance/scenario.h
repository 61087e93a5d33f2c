// What a working life of one kind of provider looks like: plugin-api/scenario/KIND-0.json, built in.
//
//   prepare   [[slot, request]..]  makes something; must succeed, in this order
//   observe   how to see what was made: {slot, request, items: member of the reply, where: {member: value}, ignore: [member..]}
//   undo      takes away what prepare made
//   valid     {slot: request} that must succeed once prepared
//   repeat    slots of `valid` that may be asked any number of times with the same result
//   unknown   requests that name what is not there: NOT_FOUND
//   gone      removals of what is not there: OK
//   conflict  CONFLICT, and nothing changes;  ignored: OK, and nothing changes;  limit: LIMIT, and nothing changes
//   invalid   INVALID, and nothing changes
//   endless   streams that last until they are cancelled
//
// Steps that name a value only the author of a provider knows (@image@) are left out when it is not given.
#pragma once
#include "core/conformance/driver.h"

namespace seed::conformance {

struct Step {
    std::string slot;
    json request;
};

class Scenario {
public:
    Scenario(const Plugin &plugin, const Subject &subject);

    void prepare(Instance &instance) const;
    void undo(Instance &instance) const;
    bool observable() const { return !observe_.is_null(); }
    json observe(Instance &instance) const;   // sorted; null when this kind has nothing to see
    std::vector<Step> steps(const std::string &list) const;
    std::vector<Step> valid() const;          // those the provider offers
    std::vector<Step> repeatable() const;

private:
    bool usable(const json &request) const;
    json filled(const json &request) const;
    const Plugin &plugin_;
    json document_, given_, observe_;
};

// The reply or items fit the contract's schema, the code is documented, and a failure has a sentence.
void check_outcome(const Plugin &plugin, const std::string &slot, const Outcome &outcome, const std::string &request);

}  // namespace seed::conformance
