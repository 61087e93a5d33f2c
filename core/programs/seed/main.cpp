// seed: the operator's command line.  The same commands as over SSH, asked through seedd's own socket: whoever may open it is the
// operator.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <seed/util/failure.h>
#include <seed/util/frame.h>

#include "core/front/client.h"
#include "core/shell/registry.h"
#include "core/shell/run.h"

namespace {

using namespace seed;

int usage(const std::string &what) {
    std::fprintf(stderr, "seed: %s; usage: seed [--socket PATH] COMMAND [OPTIONS], or: seed help\n", what.c_str());
    return shell::exit_usage;
}

// Neither help nor a command that does not exist needs a daemon.
UniqueFd socket_for(const std::string &name, const std::string &path) {
    const shell::Command *command = shell::find_command(shell::operator_commands(), name);
    if (name == "help" || !command || command->local) return make_socket_pair().ours;
    return connect_unix(path);
}

int run(std::vector<std::string> words) {
    const char *from_environment = std::getenv("SEED_SOCKET");
    std::string path = from_environment && *from_environment ? from_environment : "/var/lib/seed/seedd.sock";
    while (!words.empty() && words[0].starts_with("-")) {
        if (words[0].starts_with("--socket=")) {
            path = words[0].substr(9);
            words.erase(words.begin());
        } else if (words[0] == "--socket" && words.size() >= 2) {
            path = words[1];
            words.erase(words.begin(), words.begin() + 2);
        } else if (words[0] == "--help" || words[0] == "-h") {
            words[0] = "help";
        } else if (words[0] == "--version") {
            words[0] = "version";
        } else {
            return usage("unknown option " + words[0]);
        }
    }
    if (words.empty()) return usage("no command given");
    ::setenv("SEED_SOCKET", path.c_str(), /*overwrite=*/1);  // for commands that work beside seedd
    front::Client client(socket_for(words[0], path));
    shell::Context context{
        client, nullptr, shell::Output(STDOUT_FILENO), shell::Output(STDERR_FILENO), shell::operator_commands(), "seed"};
    return shell::run_command(context, words);
}

}  // namespace

int main(int argc, char **argv) {
    ::signal(SIGPIPE, SIG_IGN);
    try {
        return run({argv + 1, argv + argc});
    } catch (const seed::Failure &failure) {
        std::fprintf(stderr, "seed: %s\n", failure.what());
        return seed::shell::exit_status_of(failure);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "seed: %s\n", error.what());
        return seed::shell::exit_failure;
    }
}
