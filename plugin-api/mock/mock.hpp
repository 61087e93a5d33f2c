// What all mocks share: a script that makes slots fail, wait, hang or crash, and a state that survives the host process.
//
// Configuration, all members optional; SLOT is any slot's name, "*" means all:
//   "fail":     {"SLOT":[{"code":6,"times":2,"text":"..","retry_after_ms":100}]}   in order; "times" 0: for ever
//   "delay_ms": 30 or {"SLOT":30}        before the slot does anything; cancellation ends it
//   "hang":     ["SLOT"]                 never returns, whatever it is told
//   "wait":     ["SLOT"]                 returns only when cancelled or at its deadline
//   "ignore_ms": {"SLOT":4000}           takes that long whatever it is told, then goes on
//   "crash":    {"SLOT":1}               the process aborts at the first N calls
//   "throw":    ["SLOT"]                 throws something that is no std::exception
//   "only":     "TEXT"                   the script is for requests that contain TEXT (a tenant's namespace, say); others do as they should
//   "careless": true                     logs its "secret", which the core must mask
// A file script.json in the state directory, when there is one, replaces all of these, and is read anew at each call.
// calls.jsonl in the state directory gets one line {"slot","request_id","request","time_ms"} per call.
#pragma once
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include <seed/plugin.hpp>

namespace seed::mock {

// Allows everything the script knows; `extra` are further properties, as JSON members text: R"("zones":{"type":"array"})".
#define MOCK_SCHEMA(extra)                                                                                             \
    R"({"type":"object","additionalProperties":false,"properties":{)"                                                  \
    R"("fail":{"type":"object","description":"slots that fail, and how often"},)"                                      \
    R"("delay_ms":{"type":["integer","object"],"description":"waits first"},)"                                         \
    R"("hang":{"type":"array","description":"slots that never return"},)"                                              \
    R"("wait":{"type":"array","description":"slots that return only when cancelled or at their deadline"},)"           \
    R"("crash":{"type":"object","description":"slots whose first calls end the process"},)"                            \
    R"("throw":{"type":"array","description":"slots that throw what is no exception class"},)"                         \
    R"("ignore_ms":{"type":"object","description":"slots that take that long whatever they are told"},)"               \
    R"("only":{"type":"string","description":"the script is for requests that contain this"},)"                        \
    R"("secret":{"type":"string","x-seed-secret":true,"description":"used for nothing"},)"                             \
    R"("careless":{"type":"boolean","description":"logs the secret"})" extra "}}"

// Changes when a file does; empty when there is none.
std::string mark_of(const std::string &path);

class Mock {
public:
    Mock(const plugin::Host &host, const json &config);

    // First line of every slot: records the call, then does what the script says.
    void enter(const plugin::Call &call, const std::string &slot, const json &request = json::object());

    // Lets `change` alter the state, and returns when it is written durably.  Safe from any thread.  `change` throws before it alters.
    void change(const std::function<void(json &state)> &change);
    json state();
    void look(const std::function<void(const json &state)> &look);  // the same without a copy; it must not call us
    uint64_t version();                                             // another one after each change of the state
    const json &config() const { return config_; }
    const plugin::Host &host() const { return host_; }
    std::string path(const std::string &name) const { return host_.state_directory() + "/" + name; }

private:
    json script();
    int count(const std::string &what);  // how often `what` happened before, over restarts
    void refresh();

    const plugin::Host &host_;
    const json config_;
    std::mutex lock_;
    json state_ = json::object();  // as in the file whose mark this is: thousands of boots are not read again for each question
    std::string mark_;
    uint64_t version_ = 0, written_ = 0;
    bool writing_ = false;
    std::condition_variable wrote_;
};

}  // namespace seed::mock
