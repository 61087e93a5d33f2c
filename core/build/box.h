// One run of seed-nix-box: its command line, limits, deadline, and what went wrong in words.
#pragma once
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "core/base/async.h"
#include "core/build/nix_builder.h"
#include "core/build/nix_messages.h"

namespace seed::build {

struct BoxStep {
    std::string stage;  // "evaluation": begins every message
    std::string ns;
    std::vector<std::string> options;  // of seed-nix-box, before the action
    std::vector<std::string> action;
    uint64_t memory = 0;
    std::chrono::seconds deadline{60};
    size_t output_limit = 1u << 20;
    int input = -1;                    // becomes standard input; -1: /dev/null
    bool limit_address_space = false;  // where there are no control groups
    bool show_progress = false;
    int door = -1;                    // Door::box_end(); -1: no way out
    std::vector<std::string> needs;   // store paths that must be there, or Failure(not_found)
    std::string lock_file;            // on the host; stands in for the source's own; empty: none
    std::string late;                 // what to say after the stage when it took too long; empty: the usual
};
struct BoxResult {
    std::string out;
    NixMessages messages;
    int code = 0;                // of the command in the box
    bool out_of_memory = false;  // the OOM killer was here
};

class Boxes {
public:
    explicit Boxes(const BuilderSettings &settings);
    // Throws Failure for all that is not the command's own exit status: deadline, memory (when nothing of the command is left to
    // say so), output, a full disk, the box itself.
    Task<BoxResult> run(Call call, BoxStep step);
    const std::set<std::string> &remarks() const { return remarks_; }

private:
    const BuilderSettings &settings_;
    std::string program_;
    std::set<std::string> remarks_;
};

}  // namespace seed::build
