// seed-front: the only process that accepts from the platform's TCP sockets.  It reads no byte of who connects: each SSH connection gets
// a seed-session, all HTTP connections a seed-http, caged and of another user; seedd gets the control end of each.
//
// A child of seedd (--channel), or a service of its own that outlives seedd (--core).
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <cstdio>

#include <seed/util/failure.h>

#include "core/base/log.h"
#include "core/front/front_confine.h"
#include "core/front/service_manager.h"
#include "core_link.h"
#include "http_server.h"
#include "ssh_server.h"

using namespace seed;

namespace {

struct Options {
    int channel = -1;
    std::string core;
    unsigned patience = 60;
    bool verbose = false;
};

int parse(int argc, char **argv, Options &options) {
    CLI::App app{"seed-front: accepts the connections of a Seed platform, for seedd"};
    app.set_version_flag("--version", "seed-front " SEED_VERSION);
    auto *channel = app.add_option("--channel", options.channel, "the channel to seedd is this descriptor; ends with it")->type_name("NUMBER");
    auto *core = app.add_option("--core", options.core, "seedd listens on this socket (its --front-socket)")->type_name("PATH");
    channel->excludes(core);
    app.add_option("--patience", options.patience, "how long a connection waits while there is no seedd")->type_name("SECONDS");
    app.add_flag("--verbose", options.verbose, "log more");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return app.exit(error) == 0 ? -1 : 2;
    }
    if ((options.channel < 0) == options.core.empty()) {
        std::fprintf(stderr, "seed-front: say where seedd is: --core PATH; seedd itself says --channel NUMBER\n");
        return 2;
    }
    return 0;
}

// Handlers of what the channel tells, for the servers of each socket.
void connect(front::CoreLink &core, front::SshServer &ssh, front::HttpServer &http, front::HttpServer &metrics) {
    auto listening = [&](const std::string &name) {
        int socket = core.listening(name);
        if (name == "ssh") ssh.listen(socket);
        if (name == "http") http.listen(socket);
        if (name == "metrics") metrics.listen(socket);
    };
    auto released = [&](const std::string &name) {
        if (name == "ssh") ssh.close();
        if (name == "http") http.close();
        if (name == "metrics") metrics.close();
    };
    auto turned = [&] {
        http.start_anew();
        metrics.start_anew();
    };
    core.watch({listening, released, turned, [&ssh, turned] {
                    ssh.end_sessions();
                    turned();
                }});
    for (const char *name : {"ssh", "http"})
        if (core.listening(name) >= 0) listening(name);
}

Task<void> speak(front::CoreLink &core, const Options &options, asio::io_context &context, int &status) {
    try {
        if (options.channel >= 0)
            co_await core.speak_over(UniqueFd(options.channel));
        else
            co_await core.look_for(options.core);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "seed-front: %s\n", error.what());
        status = 1;
    }
    context.stop();
}

int serve(const Options &options) {
    std::signal(SIGPIPE, SIG_IGN);
    if (options.verbose) set_log_level(LogLevel::debug);
    std::map<std::string, UniqueFd> sockets = front::inherited_sockets();
    front::confine();
    if (options.channel >= 0) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);   // the change of uid has cleared it; a seedd that died before closes the channel
    asio::io_context context(1);
    auto executor = context.get_executor();
    auto patience = std::chrono::seconds(options.patience);
    front::CoreLink core(executor, std::move(sockets));
    front::SshServer ssh(executor, core, patience);
    front::HttpServer http(executor, core, front::ArrivalKind::http, patience), metrics(executor, core, front::ArrivalKind::metrics, patience);
    connect(core, ssh, http, metrics);
    asio::signal_set signals(context, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code &error, int) {
        if (!error) context.stop();
    });
    spawn_task(executor, "watchdog", front::feed_watchdog());
    int status = 0;
    asio::co_spawn(context, speak(core, options, context, status), asio::detached);
    front::tell_ready("accepting connections");
    context.run();
    front::tell_stopping();
    std::fflush(nullptr);
    ::_exit(status);   // what was started dies with us; nothing is waited for
}

}  // namespace

int main(int argc, char **argv) {
    Options options;
    if (int usage = parse(argc, argv, options); usage != 0) return usage < 0 ? 0 : usage;
    try {
        return serve(options);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "seed-front: %s\n", error.what());
        return 1;
    }
}
