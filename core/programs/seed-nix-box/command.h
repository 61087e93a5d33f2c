// Commands inside the box, started by its PID 1.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace seed::box {

struct Command {
    std::vector<std::string> arguments;  // [0] is looked up in /usr/bin and /usr/sbin
    int in = -1, out = 1, err = 2;       // -1: /dev/null
    uint64_t address_space = 0;          // RLIMIT_AS; 0: unlimited
    uint64_t file_bytes = 0;             // RLIMIT_FSIZE; 0: unlimited
    std::vector<std::string> environment;  // "NAME=value", in addition
};

pid_t start(const Command &command);
// Exit code, or 128 + signal.  Orphans of the box, which are ours as PID 1, are reaped meanwhile.
int wait_for(pid_t pid);
int run_to_end(const Command &command);
// Failure(unavailable) for what a signal ended, an accident that says nothing about the flake; Failure(internal) otherwise.
[[noreturn]] void fail_with_status(const std::string &what, int status);
// Its standard output; fails with `what` like fail_with_status(), and with Failure(limit) beyond `limit` bytes.
std::string capture(Command command, const std::string &what, size_t limit = 16u << 20);

}  // namespace seed::box
