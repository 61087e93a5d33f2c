// seed-session: one SSH connection.  Started by seed-front right after accept, with
//
//   descriptor 3   the accepted TCP connection
//   descriptor 4   a frame socket to seedd (docs/architecture.md, "How processes talk")
//   descriptor 5   the host key: an Ed25519 private key in OpenSSH's format
//
// seed-front has put us into a cage with a uid of our own; we tighten it before the first byte of the stranger is read: no files, no new
// sockets.  The host key is needed for the key exchange and stays in this process's memory only.
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include <seed/util/cage.h>
#include <seed/util/failure.h>

#include "core/front/client.h"
#include "core/front/ssh/connection.h"
#include "requests.h"

namespace {

constexpr int client_fd = 3, seedd_fd = 4, host_key_fd = 5;

std::string take_host_key() {
    seed::UniqueFd fd(host_key_fd);
    std::string key(65536, '\0');
    ssize_t size = ::pread(host_key_fd, key.data(), key.size(), 0);   // not read(): other sessions share its offset
    if (size <= 0) seed::fail_errno("cannot read the host key", size < 0 ? errno : EIO);
    key.resize(static_cast<size_t>(size));
    return key;
}

void tighten() {
    seed::Cage cage;
    cage.connect_ports.emplace();  // none
    cage.network = false;
    cage.memory_bytes = 1ull << 30;
    cage.file_bytes = 1 << 20;
    cage.open_files = 128;
    seed::enter_cage(cage);
}

int run() {
    ::signal(SIGPIPE, SIG_IGN);
    ::mallopt(M_ARENA_MAX, 2);  // a thread per channel needs no heap of its own
    std::string host_key = take_host_key();
    seed::UniqueFd client_socket(client_fd), seedd_socket(seedd_fd);
    tighten();
    seed::front::Connection connection(std::move(client_socket), host_key);
    explicit_bzero(host_key.data(), host_key.size());
    if (!connection.log_in()) return 0;
    seed::front::Client client(std::move(seedd_socket));
    seed::session::Requests requests(client, connection.person(), connection.remote());
    connection.serve(
        [&](auto &request, auto streams, auto &cancel) { return requests.run(request, std::move(streams), cancel); });
    // Threads of jobs may still wait for seedd: it learns from our end that nobody asks any more.
    ::_exit(0);
}

}  // namespace

int main() {
    try {
        return run();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "seed-session: %s\n", error.what());
        return 1;
    }
}
