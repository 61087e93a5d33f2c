#include "core/conformance/check.h"

#include <iterator>

namespace seed::conformance {

std::string_view to_string(Verdict verdict) {
    switch (verdict) {
        case Verdict::pass: return "pass";
        case Verdict::warn: return "warn";
        case Verdict::skip: return "skip";
        case Verdict::fail: return "fail";
    }
    return "fail";
}

const std::vector<Check> &all_checks() {
    static const std::vector<Check> all = [] {
        std::vector<Check> list;
        for (auto make : {static_checks, life_checks, request_checks, kind_checks, time_checks, manners_checks, stress_checks,
                          fuzz_checks, host_checks}) {
            auto group = make();
            std::move(group.begin(), group.end(), std::back_inserter(list));
        }
        return list;
    }();
    return all;
}

}  // namespace seed::conformance
