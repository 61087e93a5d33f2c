// Where the operator's socket is: --socket, else SEED_SOCKET, else seedd.sock in --state, SEED_STATE or /var/lib/seed.
#pragma once
#include <string>
#include <vector>

#include <seed/util/fd.h>

namespace seed::program {

struct Place {
    std::string socket;
    bool chosen = false;  // somebody named it: not the default
};
// Takes --socket and --state (also as NAME=VALUE) from the beginning of `words`.  Throws Failure(invalid).
Place find_platform(std::vector<std::string> &words);
UniqueFd connect_to(const Place &place);  // Failure(unavailable or denied) saying what to do

}  // namespace seed::program
