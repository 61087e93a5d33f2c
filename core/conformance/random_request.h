// Requests made from a contract's schema: mostly right, sometimes wrong in one place, never the same twice for a seed.
#pragma once
#include <random>
#include <string>

#include <nlohmann/json.hpp>

namespace seed::conformance {

using json = nlohmann::json;

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

}  // namespace seed::conformance
