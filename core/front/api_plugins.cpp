// What the operator does with the providers in use: list, call by hand, trace, restart, check.
#include <algorithm>
#include <filesystem>

#include <seed/util/cage.h>
#include <seed/util/file.h>
#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "core/front/api.h"
#include "core/providers/contracts.h"

namespace seed::front {
namespace {

namespace fs = std::filesystem;
using providers::Flow;

constexpr auto longest_call = std::chrono::hours(1);
constexpr auto look_again = std::chrono::seconds(1);  // a tracer that left is noticed after that
constexpr size_t most_at_once = 64;
constexpr auto longest_check = std::chrono::minutes(20);
constexpr size_t most_report = 8u << 20;
constexpr unsigned checking_uid = uids::plugin_base + 90;
// What calls no operation: whatever the configuration says, nothing outside is touched.
constexpr const char *harmless_checks = "^(static\\.|life\\.(bad-config|reload)$)";

}  // namespace

std::shared_ptr<providers::Provider> Api::provider_named(const std::string &name) const {
    for (const auto &[kind, provider] : providers_)
        if (kind == name || provider->settings().plugin == name) return provider;
    throw Failure(Code::not_found, "no provider in use is called '" + printable(name, 64) + "'; see: plugin list");
}

Task<json> Api::plugins(Request &request) {
    must_be_operator(request);
    json list = json::array();
    for (const auto &[kind, provider] : providers_) {
        json one = provider->describe();
        one["path"] = provider->settings().path;
        list.push_back(std::move(one));
    }
    co_return json{{"plugins", list}};
}

Task<json> Api::plugin_call(Request &request) {
    must_be_operator(request);
    auto provider = provider_named(request.args.at("plugin").get<std::string>());
    std::string operation = request.args.at("operation").get<std::string>();
    std::string name = provider->settings().plugin + " " + printable(operation, 64);
    const auto *contract = providers::find_contract(provider->settings().kind);
    const auto *slot = contract ? contract->find(operation) : nullptr;
    if (!slot) {
        std::string known;
        for (const auto &one : contract ? contract->slots : std::vector<providers::Slot>{})
            if (one.flow != Flow::conversation) known += (known.empty() ? "" : ", ") + std::string(one.name);
        throw Failure(Code::not_found, name + ": there is no such operation; there are " + known);
    }
    if (slot->flow == Flow::conversation) throw Failure(Code::unsupported, name + " is a conversation over descriptors: it cannot be called by hand");
    json body = request.args.value("request", json::object());
    if (!body.is_object()) throw Failure(Code::invalid, name + ": a request is a JSON object");
    if (slot->effect == providers::Effect::changes && request.args.value("confirm", "") != operation) {
        throw Failure(Code::invalid, name + " may change what the platform relies on, and nothing was called; if you mean it, add: --yes " + operation);
    }
    auto patience = std::chrono::milliseconds(std::clamp<int64_t>(request.args.value("timeout_ms", int64_t{60000}), 1, std::chrono::milliseconds(longest_call).count()));
    providers::CallOptions options;
    options.stream = slot->flow != Flow::plain;
    size_t items = 0, descriptors = 0;
    options.on_item = [&](const json &item, std::vector<UniqueFd> given) {
        descriptors += given.size();
        if (slot->flow == Flow::plain) return;   // descriptors of a plain reply
        ++items;
        request.item(json{{"item", item}});
    };
    auto began = Call::Clock::now();
    Call call = request.call.within(patience);
    json reply;
    std::optional<Failure> failed;
    try {
        reply = co_await provider->call(call, operation, std::move(body), std::move(options));
    } catch (const Failure &failure) {
        std::string text = std::string(to_string(failure.code())) + ": " + failure.what();
        if (failure.retry_after_ms() > 0) text += "; try again in " + format_duration_ms(failure.retry_after_ms());
        failed.emplace(failure.code(), text, failure.retry_after_ms());
    }
    bool own_end = options.stream && failed && failed->code() == Code::timeout;   // of a stream that lasts, and its time is over
    if (failed && !own_end) throw Failure(*failed);
    json answer = {{"duration_us", std::chrono::duration_cast<std::chrono::microseconds>(Call::Clock::now() - began).count()}};
    if (slot->flow == Flow::plain)
        answer["reply"] = reply;
    else
        answer["items"] = items;
    if (descriptors > 0) answer["descriptors"] = descriptors;
    co_return answer;
}

Task<json> Api::plugin_trace(Request &request) {
    must_be_operator(request);
    if (!trace_) throw Failure(Code::unsupported, "this platform traces nothing");
    std::string only = request.args.value("plugin", ""), operation = request.args.value("operation", "");
    if (!only.empty()) only = provider_named(only)->settings().plugin;
    bool bodies = request.args.value("bodies", false);
    providers::Trace::Look look(*trace_, bodies);
    int64_t position = trace_->next();
    // So that a reader knows from when on nothing is missed, and of what.
    json begun = {{"event", "tracing"}, {"time_ms", unix_ms()}, {"plugins", json::array()}};
    for (const auto &[kind, provider] : providers_) {
        if (!only.empty() && provider->settings().plugin != only) continue;
        json about = provider->describe();
        begun["plugins"].push_back({{"id", about.value("id", "")}, {"kind", kind}, {"contract", about.value("contract", "")}, {"version", about.value("version", "")}});
    }
    co_await request.send_item(std::move(begun));
    for (;;) {
        request.call.check();
        if (int64_t first = trace_->first(); first > position) {
            json missing = {{"event", "gap"}, {"time_ms", unix_ms()}, {"missed", first - position}};
            position = first;
            co_await request.send_item(std::move(missing));
        }
        auto batch = trace_->read(position, most_at_once);
        for (auto &entry : batch) {
            position = entry.value("seq", position) + 1;
            if (!only.empty() && entry.value("plugin", "") != only) continue;
            if (!operation.empty() && entry.value("operation", "") != operation) continue;
            if (!bodies)
                for (const char *part : {"request", "reply", "item_bodies", "request_id", "given"}) entry.erase(part);
            co_await request.send_item(std::move(entry));
        }
        if (!batch.empty()) continue;
        auto until = Call::Clock::now() + look_again;
        co_await trace_->wait_for(position, until);
    }
}

Task<json> Api::plugin_restart(Request &request) {
    must_be_operator(request);
    auto provider = provider_named(request.args.at("plugin").get<std::string>());
    json before = provider->describe();
    co_await provider->restart(request.call);
    json now = provider->describe();
    // Its host may have lost what it was told at the start.
    json nothing = json::object();
    if (provider->settings().kind == "runtime") co_await provider->call(request.call, "recover", nothing, {});
    co_return json{{"plugin", provider->settings().plugin}, {"kind", provider->settings().kind},  {"version", now.value("version", "")},
                   {"version_before", before.value("version", "")}, {"pid", now.value("pid", 0)}, {"pid_before", before.value("pid", 0)}};
}

Task<json> Api::plugin_forget(Request &request) {
    must_be_operator(request);
    if (!former_provider_) throw Failure(Code::unsupported, "this platform remembers no former providers");
    std::string plugin = request.args.at("plugin").get<std::string>();
    co_return former_provider_(plugin, request.args.value("confirm", ""));
}

// The kit in a cage of its own: an unprivileged user, no network unless the operator gave a configuration that is meant for it.
Task<json> Api::plugin_check(Request &request) {
    must_be_operator(request);
    auto provider = provider_named(request.args.at("plugin").get<std::string>());
    const auto &settings = provider->settings();
    bool given = request.args.contains("config");
    std::string only = request.args.value("only", given ? "" : harmless_checks);
    if (!given && request.args.contains("only")) {
        throw Failure(Code::invalid, "other checks call operations of the provider, and without a configuration of their own they would meet your real services: add --config FILE");
    }
    fs::path kit = program_directory() / "seed-plugin-check";
    if (!fs::exists(kit)) throw Failure(Code::not_found, "the program " + kit.string() + " is missing: install the plugin SDK");

    TemporaryDirectory work(fs::temp_directory_path(), "seed-check-");
    bool root = geteuid() == 0;
    fs::permissions(work.path(), fs::perms(0755));
    fs::path own = work.path() / "work", config = work.path() / "config.json";
    make_directory(own, 0755);
    write_file_atomically(config, to_json_text(given ? request.args["config"] : json::object()), 0600);  // it may have secrets
    if (root)
        for (const fs::path &path : {own, config}) change_owner(path, checking_uid, checking_uid);

    SpawnOptions options;
    options.arguments = {kit.string(), settings.path, "--json", "--provider", settings.plugin, "--config", config.string(), "--only", only};
    options.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "TMPDIR=" + own.string(), "HOME=" + own.string()};
    for (const char *name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"})
        if (const char *value = std::getenv(name)) options.environment.push_back(std::string(name) + "=" + value);
    Cage cage;
    if (root) cage.uid = checking_uid;
    for (const char *path : {"/proc", "/etc"})
        if (fs::exists(path)) cage.read.emplace_back(path);
    cage.read.push_back(kit.parent_path());
    cage.read.push_back(fs::path(settings.path).parent_path());
    cage.read.push_back(config);
    cage.write.push_back(own);
    cage.network = given;
    cage.open_files = 4096;
    options.cage = cage;
    Call call = request.call.within(longest_check);
    RunResult result = co_await run_async(std::move(options), call, most_report);
    if (result.timed_out) throw Failure(Code::timeout, settings.plugin + ": the checks took longer than " + std::to_string(longest_check.count()) + " min and were ended");
    size_t failed = 0, checks = 0;
    for (const auto &line : split(result.out, '\n')) {
        json verdict = json::parse(line, nullptr, false);
        if (!verdict.is_object()) continue;
        ++checks;
        failed += verdict.value("verdict", "") == "fail";
        co_await request.send_item(std::move(verdict));
    }
    if (checks == 0) {
        std::string why = printable(trim(result.err).empty() ? result.status.to_string() : std::string(trim(result.err)), 2000);
        throw Failure(Code::invalid, settings.plugin + " could not be checked: " + why);
    }
    co_return json{{"plugin", settings.plugin}, {"path", settings.path}, {"checks", checks}, {"failed", failed}};
}

}  // namespace seed::front
