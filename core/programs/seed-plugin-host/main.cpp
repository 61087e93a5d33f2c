// seed-plugin-host PLUGIN.so PROVIDER_ID KIND: one provider in a process of its own.  Descriptor 3 leads to the core; the
// frames are described in core/providers/plugin_server.h.  Ends when the core does: at the end of descriptor 3, or by SIGTERM
// when the parent dies.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>

#include <seed/util/failure.h>
#include <seed/util/memory.h>

#include "core/providers/plugin_server.h"

namespace {

constexpr int socket_fd = 3;

// A handler, not SIG_IGN and not a blocked signal: programs the plugin starts get the default back at exec.
void prepare_signals() {
    struct sigaction action {};
    action.sa_flags = SA_RESTART;
    action.sa_handler = [](int) {};
    sigaction(SIGPIPE, &action, nullptr);
    action.sa_handler = [](int) { shutdown(socket_fd, SHUT_RD); };  // the reader sees the end of the stream
    sigaction(SIGTERM, &action, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

// A thread per call in flight: two MiB of address space each instead of eight.
void prepare_threads() {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 2u << 20);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
}

}  // namespace

int main(int count, char **arguments) {
    if (count != 4 || fcntl(socket_fd, F_SETFD, FD_CLOEXEC) != 0) {
        std::fputs("usage: seed-plugin-host PLUGIN.so PROVIDER_ID KIND, with a socket as descriptor 3; seedd starts it\n",
                   stderr);
        return 2;
    }
    seed::keep_heap_small();
    prepare_signals();
    prepare_threads();
    bool in_order = seed::providers::serve_plugin(seed::UniqueFd(socket_fd), {arguments[1], arguments[2], arguments[3]});
    // A call that does not end still runs in the plugin: leave without destructors that it could trip over.
    if (!in_order) _exit(1);
    return 0;
}
