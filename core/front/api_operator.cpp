// What only the operator asks: numbers, collecting garbage.
#include <sys/statvfs.h>

#include <seed/util/text.h>

#include "core/events/processes.h"
#include "core/front/api.h"

namespace seed::front {
namespace {

uint64_t free_bytes(const std::string &directory) {
    struct statvfs disk {};
    if (statvfs(directory.c_str(), &disk) != 0) fail_errno("cannot ask how much room " + directory + " has");
    return static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
}

}  // namespace

void must_be_operator(const Request &request) {
    if (request.kind != PeerKind::operator_) throw Failure(Code::denied, "only the operator may ask for that");
}

// Gauges are looked up now; counters and histograms were counted as things happened.
Task<json> Api::metrics(Request &request) {
    if (request.kind != PeerKind::operator_ && request.kind != PeerKind::metrics)
        throw Failure(Code::denied, "only the operator may ask for that");
    if (!metrics_) throw Failure(Code::unsupported, "this platform counts nothing");
    auto &numbers = *metrics_;
    for (auto name : {"seed_flakes", "seed_virtual_machines", "seed_provider_up", "seed_process_resident_bytes", "seed_processes"})
        numbers.clear(name);
    std::map<std::string, double> phases = {{"idle", 0}}, states = {{"ready", 0}};
    double troubled = 0, waiting = 0;
    for (const auto &flake : deployer_.world().store.flakes()) {
        auto &worker = deployer_.worker(flake.repository);
        ++phases[worker.phase().empty() ? "idle" : worker.phase()];
        troubled += !worker.trouble().empty();
        waiting += worker.waiting();
    }
    for (const auto &[phase, count] : phases) numbers.set("seed_flakes", {{"phase", phase}}, count);
    numbers.set("seed_flakes_in_trouble", {}, troubled);
    numbers.set("seed_waiting_revisions", {}, waiting);
    numbers.set("seed_requests_in_flight", {}, static_cast<double>(in_flight_));
    try {
        json nothing = json::object();
        Call part = request.call.within(std::chrono::seconds(5));
        runtime::ListReply boots = co_await deployer_.world().runtime->ask<runtime::ListReply>(part, "list", nothing);
        for (const auto &boot : boots.boots) ++states[boot.state];
        for (const auto &[state, count] : states) numbers.set("seed_virtual_machines", {{"state", state}}, count);
    } catch (const Failure &) {
        // seed_provider_up says so; the other numbers are wanted all the more.
    }
    for (const auto &[kind, provider] : providers_) {
        json about = provider->describe();
        events::Labels labels = {{"kind", kind}, {"plugin", provider->settings().plugin}};
        numbers.set("seed_provider_up", labels, about.value("state", "") == "running");
        numbers.set("seed_provider_restarts_total", labels, about.value("restarts", 0.0));
        numbers.set("seed_provider_replacements_total", labels, about.value("replacements", 0.0));
    }
    for (const auto &[program, use] : events::platform_processes(hosting_.state_directory)) {
        numbers.set("seed_process_resident_bytes", {{"program", program}}, static_cast<double>(use.resident_bytes));
        numbers.set("seed_processes", {{"program", program}}, static_cast<double>(use.count));
    }
    co_return json{{"text", numbers.text()}};
}

Task<json> Api::collect(Request &request) {
    must_be_operator(request);
    auto free_before = free_bytes(hosting_.state_directory);
    Call part = request.call.within(std::chrono::minutes(10));
    std::vector<std::string> busy = co_await deployer_.collect_garbage(part);
    auto free_after = free_bytes(hosting_.state_directory);
    co_return json{{"freed_bytes", free_after > free_before ? free_after - free_before : 0},
                   {"free_bytes", free_after},
                   {"repositories", deployer_.world().store.flakes().size() - busy.size()},
                   {"busy", busy}};
}

}  // namespace seed::front
