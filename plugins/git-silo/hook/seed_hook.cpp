// seed-hook: what git runs as pre-receive and post-receive in every repository of git-silo.  It decides nothing: it hands the
// updates to git-silo and shows the pusher what comes back (../hook_channel.h).  Anything unexpected refuses the push.
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "../hook_channel.h"

namespace {

using namespace seed;

int socket_from_environment() {
    const char *text = std::getenv(silo::hook_variable);
    int fd = text ? std::atoi(text) : -1;
    if (fd < 3) throw Failure(Code::unavailable, "seed-hook is only run by git-silo");
    return fd;
}

std::vector<std::string> push_options() {
    const char *count = std::getenv("GIT_PUSH_OPTION_COUNT");
    std::vector<std::string> options;
    for (int i = 0; count && i < std::atoi(count) && i < 1000; ++i) {
        const char *value = std::getenv(("GIT_PUSH_OPTION_" + std::to_string(i)).c_str());
        options.push_back(value ? value : "");
    }
    return options;
}

std::string quarantine() {
    const char *path = std::getenv("GIT_QUARANTINE_PATH");
    std::string text = path ? path : "";
    while (text.ends_with('/')) text.pop_back();
    return text.substr(text.rfind('/') + 1);
}

// Whole lines only, so that two writers never mix within one; text from strangers cannot steer the pusher's terminal.
void show(std::string &pending, bool all) {
    size_t start = 0;
    for (size_t end; (end = pending.find('\n', start)) != pending.npos; start = end + 1)
        write_all(STDOUT_FILENO, printable(std::string_view(pending).substr(start, end - start)) + "\n");
    pending.erase(0, start);
    if (pending.size() > 4096 || (all && !pending.empty())) {
        write_all(STDOUT_FILENO, printable(pending) + "\n");
        pending.clear();
    }
}

void copy_report(int report) {
    std::string pending;
    char buffer[4096];
    for (;;) {
        pollfd wait[2] = {{report, POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
        if (::poll(wait, 2, -1) < 0 && errno != EINTR) return;
        if (wait[1].revents & (POLLERR | POLLHUP | POLLNVAL)) return;  // the pusher left
        if (!wait[0].revents) continue;
        ssize_t got = ::read(report, buffer, sizeof buffer);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) break;
        pending.append(buffer, size_t(got));
        show(pending, /*all=*/false);
    }
    show(pending, /*all=*/true);
}

int run(const std::string &hook) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // receive-pack died: nobody shows our lines any more
    int socket = socket_from_environment();
    json call = {{"hook", hook}, {"updates", read_all(STDIN_FILENO, silo::hook_input_limit)}, {"options", push_options()},
                 {"quarantine", quarantine()}};
    send_frame(socket, call.dump(-1, ' ', false, json::error_handler_t::replace));
    auto frame = receive_frame(socket);
    if (!frame) throw Failure(Code::unavailable, "the platform is not reachable");
    json answer = parse_json(frame->body, "git-silo's answer");
    if (!frame->descriptors.empty()) copy_report(frame->descriptors[0].get());
    if (answer.contains("refuse")) throw Failure(Code::denied, answer["refuse"].get<std::string>());
    return 0;
}

}  // namespace

int main(int, char **argv) {
    try {
        std::string name = argv[0];
        return run(name.substr(name.rfind('/') + 1));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
