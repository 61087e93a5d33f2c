// seed: the operator's command line.  The same commands as over SSH, asked through seedd's own socket: whoever may open it is the
// operator.  Some need no daemon and are only here.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <seed/util/failure.h>
#include <seed/util/frame.h>
#include <seed/util/text.h>

#include "core/front/client.h"
#include "core/shell/registry.h"
#include "core/shell/run.h"
#include "find_platform.h"
#include "local_commands.h"

namespace {

using namespace seed;

std::vector<const shell::Command *> all_commands() {
    auto commands = shell::operator_commands();
    commands.insert(commands.end() - 1, program::local_commands().begin(), program::local_commands().end());  // help stays last
    return commands;
}

// Neither a command that asks nothing nor one that does not exist needs a daemon; nor does a question for help.
bool needs_daemon(const std::vector<const shell::Command *> &commands, const std::vector<std::string> &words) {
    auto *command = words.empty() ? nullptr : shell::find_command(commands, words[0]);
    if (!command || command->local) return false;
    return std::none_of(words.begin(), words.end(), [](auto &word) { return word == "--help" || word == "-h" || word == "--describe-options"; });
}

int run(std::vector<std::string> words) {
    auto commands = all_commands();
    auto place = program::find_platform(words);
    if (!words.empty() && (words[0] == "--help" || words[0] == "-h")) words[0] = "help";
    if (!words.empty() && words[0] == "--version") words[0] = "version";
    if (!words.empty() && words[0].starts_with("-")) throw Failure(Code::invalid, "unknown option " + words[0] + "; try: seed help");
    ::setenv("SEED_SOCKET", place.socket.c_str(), /*overwrite=*/1);  // for commands that work beside seedd
    front::Client client(needs_daemon(commands, words) ? program::connect_to(place) : make_socket_pair().ours);
    shell::Context context{client, nullptr, shell::Output(STDOUT_FILENO), shell::Output(STDERR_FILENO), commands, "seed",
                           isatty(STDOUT_FILENO) == 1};
    return shell::run_command(context, words);
}

}  // namespace

int main(int argc, char **argv) {
    ::signal(SIGPIPE, SIG_IGN);
    std::vector<std::string> words(argv + 1, argv + argc);
    try {
        return run(words);
    } catch (const std::exception &error) {
        return seed::shell::tell_failure(STDERR_FILENO, words, "seed", error);
    }
}
