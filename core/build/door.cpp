#include "core/build/door.h"

#include <filesystem>

#include <seed/util/cage.h>
#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/log.h>
#include <seed/util/text.h>

#include "core/base/log.h"

namespace seed::build {
namespace {

namespace fs = std::filesystem;

// What names are resolved with; resolv.conf is often a link to somewhere below /run.
std::vector<fs::path> resolver_files() {
    std::vector<fs::path> files;
    for (const char *name : {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services"}) {
        std::error_code unknown;
        fs::path file = fs::canonical(name, unknown);
        if (!unknown) files.push_back(file);
    }
    return files;
}

}  // namespace

struct Door::State {
    State(asio::any_io_executor executor, Call with) : call(std::move(with)), ended(std::move(executor)) {}
    Call call;
    Event ended;
    std::string trouble;
};

Door::Door(asio::any_io_executor executor, const BuilderSettings &settings, const Call &call, const DoorRules &rules)
    : state_(std::make_shared<State>(executor, call.child(std::chrono::hours(24)))) {
    SocketPair pair = make_socket_pair();
    box_end_ = std::move(pair.ours);
    SpawnOptions options;
    std::string program = settings.proxy_program.empty() ? program_directory() / "seed-fetch-proxy" : fs::path(settings.proxy_program);
    options.arguments = {program, "--bytes", std::to_string(rules.bytes), "--idle", std::to_string(rules.idle.count())};
    if (rules.any_host) options.arguments.push_back("--any-host");
    for (const auto &host : rules.hosts) options.arguments.insert(options.arguments.end(), {"--allow", host});
    for (const auto &[host, address] : settings.addresses)
        options.arguments.insert(options.arguments.end(), {"--address", host + "=" + address});
    options.environment = log_environment();
    options.descriptors.emplace_back(pair.theirs.get(), 3);
    Cage cage;
    cage.uid = uids::fetch;
    cage.read = resolver_files();
    cage.memory_bytes = 1ull << 30;
    cage.file_bytes = 1u << 20;
    cage.open_files = 256;
    if (geteuid() == 0) cage.processes = 256;  // of all doors together: threads that wait for DNS count
    options.cage = cage;
    // The descriptor is duplicated into the child when run_async spawns it: it has to live until then.
    auto theirs = std::make_shared<UniqueFd>(std::move(pair.theirs));
    auto state = state_;
    asio::co_spawn(executor, run(state, std::move(options)), [theirs](std::exception_ptr) {});
}

Door::~Door() {
    state_->call.cancel("the step is over");
}

Task<void> Door::run(std::shared_ptr<State> state, SpawnOptions options) {
    try {
        std::function<void(std::string_view)> on_line = [state](std::string_view line) {
            constexpr std::string_view refused = "refused ", closed = "closed ";
            log_debug("fetch-proxy", printable(line, 400), state->call.id());
            if (line.starts_with(refused))
                state->trouble = line.substr(refused.size());
            else if (line.starts_with(closed))
                state->trouble = line.substr(closed.size());
            else if (line.starts_with("seed-fetch-proxy: "))
                log_warning("fetch-proxy", printable(line, 400), state->call.id());
        };
        std::string no_input;
        co_await run_async(std::move(options), state->call, 1u << 20, on_line, no_input);
    } catch (const Failure &failure) {
        if (failure.code() != Code::cancelled) log_warning("fetch-proxy", failure.what(), state->call.id());
    }
    state->ended.set();
}

Task<void> Door::close() {
    box_end_.reset();
    auto deadline = Call::Clock::now() + std::chrono::seconds(5);
    if (!co_await state_->ended.wait_until(deadline)) state_->call.cancel("the step is over");
}

const std::string &Door::trouble() const {
    return state_->trouble;
}

}  // namespace seed::build
