// A command of the shell: one .cpp and one .md in commands/, and one line in registry.cpp.
//
// The same commands serve `ssh HOST ...` (seed-session) and the operator's `seed ...`.  A command asks seedd, prints, and returns
// an exit status; what it throws becomes one line on stderr (run.cpp).  It knows nothing of SSH.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace seed::front {
class Client;
class Cancellation;
}  // namespace seed::front

namespace seed::shell {

// Exit statuses, also in docs/shell.md.
enum Exit { exit_ok = 0, exit_failure = 1, exit_usage = 2, exit_not_found = 3, exit_denied = 4, exit_unavailable = 5 };

// Where text goes.  Blocking; throws Failure(cancelled) when the reader is gone.
class Output {
public:
    explicit Output(int fd) : fd_(fd) {}  // borrowed
    void write(std::string_view text);
    void line(std::string_view text);  // adds the new line

private:
    int fd_;
};

struct Command;
struct Context {
    front::Client &client;
    front::Cancellation *cancel;  // may be null
    Output out, err;
    const std::vector<const Command *> &commands;  // that this person may see
    std::string program;                           // how these commands are called: "ssh HOST" or "seed"
};

using Arguments = std::vector<std::string>;  // without the command's name

struct Command {
    std::string_view name, summary;
    std::string_view help;  // the text of NAME.md
    int (*run)(Context &context, const Arguments &arguments);
    bool local = false;  // asks seedd nothing
};

}  // namespace seed::shell
