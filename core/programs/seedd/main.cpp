// seedd: the platform's daemon.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <cstdio>

#include <seed/util/memory.h>

#include "core/base/log.h"
#include "core/config/config.h"
#include "core/front/service_manager.h"
#include "platform.h"

using namespace seed;

namespace {

struct Options {
    std::string embedded, config_file;
    uint16_t ssh_port = 0, http_port = 0;
    std::string metrics, log, front_socket;
    bool stop_instances = false, verbose = false;
};

int parse(int argc, char **argv, Options &options) {
    CLI::App app{"seedd: git push a flake, get a running microVM"};
    app.set_version_flag("--version", "seedd " SEED_VERSION);
    auto *embedded = app.add_option("--embedded", options.embedded, "run with embedded defaults; all state lies below DIR")->type_name("DIR");
    auto *config = app.add_option("--config", options.config_file, "configuration file (see docs/configuration.md)")->type_name("FILE");
    embedded->excludes(config);
    app.add_option("--ssh-port", options.ssh_port, "embedded: port of the SSH front on 127.0.0.1 (0: a free one)");
    app.add_option("--http-port", options.http_port, "embedded: port of the HTTP front on 127.0.0.1 (0: a free one)");
    app.add_option("--metrics", options.metrics, "also listen here for Prometheus: /metrics, /ready, /health")->type_name("ADDRESS:PORT");
    app.add_option("--front-socket", options.front_socket, "seed-front is a service of its own and connects here; otherwise seedd starts one")->type_name("PATH");
    app.add_option("--log", options.log, "format of the log on standard error: text or json")->check(CLI::IsMember({"text", "json"}));
    app.add_flag("--stop-instances", options.stop_instances, "when stopping, stop the instances and the network too");
    app.add_flag("--verbose", options.verbose, "log more");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return app.exit(error) == 0 ? -1 : 2;
    }
    if (options.embedded.empty() == options.config_file.empty()) {
        std::fprintf(stderr, "seedd: say where the state lies: --embedded DIR, or --config FILE\n");
        return 2;
    }
    return 0;
}

Task<void> run_platform(program::Platform &platform, bool stop_instances, asio::io_context &context, int &status) {
    try {
        co_await platform.run(stop_instances);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "seedd: %s\n", error.what());
        status = 1;
    }
    context.stop();
}

int serve(const Options &options) {
    umask(022);
    std::signal(SIGPIPE, SIG_IGN);
    if (options.verbose) set_log_level(LogLevel::debug);
    if (!options.log.empty()) set_log_format(options.log == "json" ? LogFormat::json : LogFormat::text);
    config::Settings settings = options.config_file.empty() ? config::embedded(options.embedded, options.ssh_port, options.http_port)
                                                            : config::load(options.config_file);
    if (!options.metrics.empty()) settings.listen.metrics = options.metrics;
    asio::io_context context(1);
    std::map<std::string, UniqueFd> sockets = front::inherited_sockets();
    if (!sockets.empty() && !options.front_socket.empty())
        throw Failure(Code::invalid, "sockets were handed to seedd, but --front-socket says that seed-front is a service of its own: hand them to it (Service=seed-front.service)");
    program::Platform platform(context, std::move(settings), options.config_file);
    platform.use_sockets(std::move(sockets));
    platform.expect_front_at(options.front_socket);
    asio::signal_set signals(context, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code &error, int) {
        if (!error) platform.stop();
    });
    asio::signal_set farewell(context, SIGUSR1);  // before the package goes: the next stop ends the instances too
    farewell.async_wait([&](const boost::system::error_code &error, int) {
        if (!error) platform.also_stop_instances();
    });
    spawn_task(context.get_executor(), "watchdog", front::feed_watchdog());
    int status = 0;
    asio::co_spawn(context, run_platform(platform, options.stop_instances, context, status), asio::detached);
    context.run();
    return status;
}

}  // namespace

int main(int argc, char **argv) {
    seed::keep_heap_small();
    Options options;
    if (int usage = parse(argc, argv, options); usage != 0) return usage < 0 ? 0 : usage;
    try {
        return serve(options);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "seedd: %s\n", error.what());
        return 1;
    }
}
