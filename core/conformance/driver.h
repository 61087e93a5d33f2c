// Drives one plugin in this process by its C tables, as the core would, and notes everything it says.
#pragma once
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <seed/util/failure.h>
#include <seed/util/fd.h>

#include "core/conformance/check.h"
#include "core/providers/loader.h"

namespace seed::conformance {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

struct Outcome {
    int32_t raw = 0;               // what the operation returned
    Code code = Code::ok;          // the same, unknown ones as internal
    std::string text;              // what it said through fail()
    int64_t retry_after_ms = 0;
    std::vector<std::string> replies;   // as given to reply()
    milliseconds took{0};
    bool ok() const { return raw == 0; }
    json reply() const;            // the last one, {} when there was none; fails the check when it is not JSON
    std::string to_string() const; // "NOT_FOUND: zone ... is not served here"
};

struct CallOptions {
    milliseconds deadline = 20s;     // from now; may be negative
    milliseconds cancel_after{-1};   // negative: not cancelled
    milliseconds patience{-1};       // how long it may take; negative: until its deadline (or cancellation) and 2 s more
    std::string request_id;          // empty: a fresh one
    std::vector<int> descriptors;
};

// One loaded .so; loading it is not undone.
class Plugin {
public:
    explicit Plugin(const Subject &subject);   // fails the check when it cannot be loaded
    const seed_provider &provider() const { return *loaded_.provider; }
    const providers::Contract &contract() const { return *loaded_.contract; }
    std::string id() const { return provider().id; }
    std::string kind() const { return std::string(contract().kind); }
    seed_op operation(const std::string &slot) const;   // null: not offered
    std::vector<std::string> slots() const;             // offered ones
    json config_schema() const;                         // {} when it has none

private:
    providers::LoadedPlugin loaded_;
};

// What all instances of a check have heard.
struct Heard {
    std::mutex lock;
    std::string text;   // logs, progress, errors, replies
    void add(std::string_view words);
    std::string all();
};

// One open instance with a state directory of its own.
class Instance {
public:
    // Opens; fails the check unless that succeeds.
    Instance(const Plugin &plugin, const Subject &subject, const std::string &name = "state");
    Instance(const Plugin &plugin, const std::string &state_directory, const std::string &config_text);   // look at opened()
    ~Instance();
    Instance(const Instance &) = delete;

    const Outcome &opened() const { return opened_; }
    // Never returns late: an operation that overruns fails the check, since nothing can stop it.
    Outcome call(const std::string &slot, const json &request = json::object(), const CallOptions &options = {});
    Outcome call_text(const std::string &slot, const std::string &request, const CallOptions &options = {});
    // The reply; fails the check unless it succeeds.
    json ask(const std::string &slot, const json &request = json::object(), const CallOptions &options = {});
    // Items of a stream that ends by itself, or that is cancelled after `listen`.
    std::vector<json> stream(const std::string &slot, const json &request, milliseconds listen = 300ms);
    void close();
    Heard &heard() { return *heard_; }

private:
    void open(const std::string &config_text);
    struct HostTable;
    const Plugin &plugin_;
    std::shared_ptr<Heard> heard_ = std::make_shared<Heard>();
    std::unique_ptr<HostTable> host_;
    void *self_ = nullptr;
    bool open_ = false;
    Outcome opened_;
};

std::string state_directory(const Subject &subject, const std::string &name);   // made, 0711

}  // namespace seed::conformance
