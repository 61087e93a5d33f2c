// seed-fetch-proxy: the only way out of a box.  Started by seedd for one step of one namespace, with
//
//   descriptor 3   a Unix socket on which the box sends one listening socket of its own network namespace
//
// in a cage of its own uid, without files (but what names are resolved with), credentials or capabilities.  It ends when nobody holds
// the other end of descriptor 3 any more.
// Standard error: "refused HOST:PORT: why" and "closed HOST:PORT: why", one a line.
#include <signal.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdio>

#include <seed/util/failure.h>
#include <seed/util/frame.h>
#include <seed/util/text.h>

#include "core/programs/seed-fetch-proxy/proxy.h"

using namespace seed;

namespace {

struct Options {
    bool any_host = false;
    std::vector<std::string> allowed, addresses;
    uint64_t bytes = 1ull << 30;
    unsigned idle = 30;
};

fetch::GateRules rules_of(const Options &options) {
    fetch::GateRules rules;
    rules.any_host = options.any_host;
    rules.allowed.insert(options.allowed.begin(), options.allowed.end());
    for (const auto &pair : options.addresses) {
        size_t equals = pair.find('=');
        if (equals == std::string::npos) throw Failure(Code::invalid, "--address wants HOST=ADDRESS:PORT, not " + printable(pair, 100));
        rules.addresses[to_lower(pair.substr(0, equals))] = fetch::parse_endpoint(pair.substr(equals + 1));
    }
    return rules;
}

// None: the box ended before it had a door.
std::optional<asio::ip::tcp::acceptor> take_listener(asio::io_context &context) {
    auto frame = receive_frame(3, std::chrono::minutes(2));  // the box may have to wait for its store first
    if (!frame) return std::nullopt;
    if (frame->descriptors.size() != 1) throw Failure(Code::invalid, "the box sent no listening socket");
    UniqueFd socket = std::move(frame->descriptors[0]);
    int listening = 0;
    socklen_t size = sizeof listening;
    if (getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) || !listening)
        throw Failure(Code::invalid, "what the box sent is no listening socket");
    asio::ip::tcp::acceptor acceptor(context);
    acceptor.assign(asio::ip::tcp::v4(), socket.release());
    return acceptor;
}

// Nobody holds the other end any more: nothing is ever said on it, so what can be read is its end.  A wait may wake up for nothing.
Task<void> end_with(asio::posix::stream_descriptor &starter, asio::io_context &context) {
    char byte;
    while (recv(starter.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR))
        co_await starter.async_wait(asio::posix::descriptor_base::wait_read, asio::use_awaitable);
    context.stop();
}

}  // namespace

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    CLI::App app{"seed-fetch-proxy: the only way out of a box; seedd starts it"};
    Options options;
    app.add_flag("--any-host", options.any_host, "every host on port 443 whose address is public");
    app.add_option("--allow", options.allowed, "a host that may be connected to")->type_name("HOST:PORT");
    app.add_option("--address", options.addresses, "where a host is, instead of asking DNS; may be private")->type_name("HOST=ADDRESS:PORT");
    app.add_option("--bytes", options.bytes, "how much may come in, all connections together");
    app.add_option("--idle", options.idle, "seconds after which a silent connection is closed");
    CLI11_PARSE(app, argc, argv);
    try {
        asio::io_context context(1);
        fetch::ProxyLimits limits;
        limits.bytes = options.bytes;
        limits.idle = std::chrono::seconds(options.idle);
        auto tell = [](std::string line) { std::fprintf(stderr, "%s\n", line.c_str()); };
        fetch::Proxy proxy(fetch::Gate(rules_of(options), fetch::system_resolver()), limits, tell);
        auto listener = take_listener(context);
        if (!listener) return 0;
        spawn_task(context.get_executor(), "accept", proxy.accept_all(std::move(*listener)));
        asio::posix::stream_descriptor starter(context, 3);
        spawn_task(context.get_executor(), "starter", end_with(starter, context));
        context.run();
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "seed-fetch-proxy: %s\n", error.what());
        return 1;
    }
}
