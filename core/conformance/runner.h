// Runs checks, each in a process of its own with a time limit, and reports.
#pragma once
#include <cstdio>
#include <regex>

#include "core/conformance/check.h"

namespace seed::conformance {

struct Result {
    const Check *check = nullptr;
    Verdict verdict = Verdict::fail;
    std::string text;
    int64_t took_ms = 0;
};

enum class Report { tap, json };

struct RunOptions {
    const std::vector<Check> *checks = nullptr;   // null: all_checks()
    std::regex only{""};
    bool in_this_process = false;   // for a debugger: a crash is ours
    unsigned parallel = 1;
    Report report = Report::tap;
};

// Prints to stdout as results come, in order.  Returns the number that failed.
int run_checks(const Subject &subject, const RunOptions &options);

}  // namespace seed::conformance
