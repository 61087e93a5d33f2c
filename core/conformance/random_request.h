// Requests made from a contract's schema: mostly right, sometimes wrong in one place, never the same twice for a seed.
#pragma once
#include <functional>
#include <random>
#include <string>

#include <nlohmann/json.hpp>

#include "core/conformance/driver.h"

namespace seed::conformance {

class RandomRequests {
public:
    RandomRequests(std::string kind, uint64_t seed) : kind_(std::move(kind)), random_(seed) {}
    json request(const std::string &slot);   // an object, mostly one that fits the schema
    std::string bytes();                     // garbage, broken JSON, deep nesting

private:
    json value(const json &schema, const json &definitions, int depth);
    std::string text(const json &schema);
    json wrong();                            // anything
    size_t below(size_t limit) { return limit ? random_() % limit : 0; }
    bool one_in(size_t n) { return below(n) == 0; }

    std::string kind_;
    std::mt19937_64 random_;
};

// How a slot is asked at random: a stream with a short deadline, since a conversation would wait for the other end of its descriptors.
CallOptions patient(const Plugin &plugin, const std::string &slot);

// Sends `subject.requests` random requests to each slot (a tenth of them to streams) and judges each outcome: a documented code, never
// INTERNAL, a reply that fits, a failure with a sentence.  How many were sent; fails the check otherwise.
using Ask = std::function<Outcome(const std::string &slot, const json &request, const CallOptions &options)>;
size_t send_random(const Plugin &plugin, const Subject &subject, RandomRequests &random, const Ask &ask);

}  // namespace seed::conformance
