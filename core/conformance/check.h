// What a conformance check is and what it may find.
//
// Checks are files checks_GROUP.cpp; each ends with a function that gives its checks to the list in checks.cpp.  A check runs
// in a process of its own (runner.h), so it may leave the process in any state; it fails by throwing Finding.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace seed::conformance {

using json = nlohmann::json;

enum class Verdict { pass, warn, skip, fail };
std::string_view to_string(Verdict verdict);

// Ends a check with this verdict.  The text names what the plugin did, what it should have done, and the rule.
struct Finding {
    Verdict verdict;
    std::string text;
};
[[noreturn]] inline void fail(const std::string &text) { throw Finding{Verdict::fail, text}; }
[[noreturn]] inline void skip(const std::string &reason) { throw Finding{Verdict::skip, reason}; }
[[noreturn]] inline void warn(const std::string &text) { throw Finding{Verdict::warn, text}; }
inline void require(bool condition, const std::string &text) {
    if (!condition) fail(text);
}

// What is checked, and how hard.
struct Subject {
    std::string path;                // absolute, of the .so
    std::string id, kind;            // which of its providers; both empty: the first
    json config = json::object();    // a configuration it works with
    json backend;                    // null, or a configuration with @URL@ where a test's server comes in
    json given = json::object();     // values for requests that only the author knows: {"image": "/..."}
    std::vector<std::string> reset;  // a program that empties the backend, run before each check; none when empty
    std::string work;                // a folder of the check's own, writable
    uint64_t seed = 0;               // of everything random
    unsigned requests = 200;         // random requests per slot
    std::string host;                // the seed-plugin-host program
};

struct Check {
    std::string id;      // "life.repeat": stable, used by --only and by people who read reports
    std::string rule;    // what holds, one line
    std::function<void(const Subject &)> run;
    unsigned seconds = 30;   // limit; a check that runs longer failed
};

const std::vector<Check> &all_checks();

std::vector<Check> static_checks();
std::vector<Check> life_checks();
std::vector<Check> request_checks();   // contract.*: what any contract asks
std::vector<Check> kind_checks();      // contract.*: what one kind of provider must do
std::vector<Check> time_checks();
std::vector<Check> manners_checks();
std::vector<Check> stress_checks();
std::vector<Check> fuzz_checks();
std::vector<Check> host_checks();

}  // namespace seed::conformance
