// A world in memory for tests of the deployer: providers that can be told to fail, and that count what they were asked.
// The real providers run in the script tests; these exist because failures can be placed exactly.
#pragma once
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <seed/dns.hpp>
#include <seed/git.hpp>
#include <seed/runtime.hpp>
#include <seed/storage.hpp>

#include "core/build/nix_builder.h"
#include "core/deploy/world.h"

namespace seed::test {

// Calls are answered by members named after slots; `failures[slot]` counts down, throwing instead of acting.
class DoubleProvider : public providers::Provider {
public:
    using Handler = std::function<Task<json>(const Call &, const json &, const providers::CallOptions &)>;
    Task<json> call(const Call &call, std::string slot, json request, providers::CallOptions options) override {
        calls.push_back(slot);
        if (auto failure = failures.find(slot); failure != failures.end() && failure->second > 0) {
            --failure->second;
            throw Failure(Code::unavailable, slot + " fails as it was told");
        }
        auto handler = handlers.find(slot);
        if (handler == handlers.end()) throw Failure(Code::unsupported, slot);
        json reply = co_await handler->second(call, request, options);
        co_return reply;
    }
    const providers::ProviderSettings &settings() const override { return settings_; }
    json describe() const override { return {}; }
    void shut_down() override {}
    size_t count(const std::string &slot) const { return static_cast<size_t>(std::count(calls.begin(), calls.end(), slot)); }

    std::map<std::string, Handler> handlers;
    std::map<std::string, int> failures;
    std::vector<std::string> calls;

private:
    providers::ProviderSettings settings_;
};

inline Task<json> answer(json value) { co_return value; }

struct WorldDouble {
    explicit WorldDouble(const std::string &directory)
        : store(directory + "/state.sqlite3"), builder(context.get_executor(), builder_settings(directory)),
          runtime(std::make_shared<DoubleProvider>()), storage(std::make_shared<DoubleProvider>()), dns(std::make_shared<DoubleProvider>()),
          git(std::make_shared<DoubleProvider>()), records(context.get_executor(), dns, "seed.test.", "seed:test"),
          world{.executor = context.get_executor(), .store = store, .builder = builder, .records = records, .runtime = runtime, .git = git,
                .storage = storage, .lookout = std::make_shared<deploy::Lookout>(context.get_executor(), runtime, storage, records), .domain = "seed.test", .prefix = "fd00:1:2::/48", .node_address = "fd00:1:2::1",
                .ready_deadline = std::chrono::seconds(10)} {
        make_runtime();
        make_storage();
        make_dns();
    }

    static build::BuilderSettings builder_settings(const std::string &directory) {
        build::BuilderSettings settings;
        settings.state_directory = directory + "/build";
        settings.image_directory = directory + "/images";
        settings.platform = "test";
        return settings;
    }

    void make_runtime() {
        auto &on = runtime->handlers;
        on["list"] = [this](const Call &, const json &, const providers::CallOptions &) {
            runtime::ListReply reply;
            for (const auto &[handle, boot] : boots) reply.boots.push_back(boot);
            return answer(reply);
        };
        on["images"] = [this](const Call &, const json &, const providers::CallOptions &) {
            runtime::ImagesReply reply;
            reply.keys.assign(images.begin(), images.end());
            return answer(reply);
        };
        on["start"] = [this](const Call &, const json &request, const providers::CallOptions &) {
            auto start = request.get<runtime::StartRequest>();
            runtime::Boot boot;
            boot.handle = start.handle;
            boot.instance = start.instance;
            boot.image = start.image;
            boot.desired = start.desired;
            boot.state = next_state;
            boot.reason = next_state == "exited" ? "it was told to fail" : "";
            boots[start.handle] = boot;
            started.push_back(start);
            return answer(boot);
        };
        on["wait"] = [this](const Call &, const json &request, const providers::CallOptions &options) {
            options.on_item(json(boots.at(request.at("handle").get<std::string>())), {});
            return answer(json::object());
        };
        on["stop"] = [this](const Call &, const json &request, const providers::CallOptions &) {
            if (auto boot = boots.find(request.at("handle").get<std::string>()); boot != boots.end()) boot->second.state = "exited";
            return answer(json::object());
        };
        on["destroy"] = [this](const Call &, const json &request, const providers::CallOptions &) {
            boots.erase(request.at("handle").get<std::string>());
            return answer(json::object());
        };
        on["publish"] = [this](const Call &, const json &request, const providers::CallOptions &) {
            auto publication = request.get<runtime::PublishRequest>();
            published[publication.ns] = publication.services;
            runtime::PublishReply reply;
            reply.routes = route_reports;
            return answer(reply);
        };
    }
    void make_storage() {
        auto &on = storage->handlers;
        on["list"] = [this](const Call &, const json &, const providers::CallOptions &) {
            storage::ListReply reply;
            for (const auto &[id, size] : volumes) reply.volumes.push_back({id, size, 0, 0});
            return answer(reply);
        };
        on["create"] = [this](const Call &, const json &request, const providers::CallOptions &) {
            volumes[request.at("volume")] = request.at("size_bytes");
            return answer(json::object());
        };
        on["resize"] = on["create"];
        on["remove"] = [this](const Call &, const json &request, const providers::CallOptions &) {
            auto remove = request.get<storage::RemoveRequest>();
            if (remove.confirm != remove.volume) throw Failure(Code::invalid, "not confirmed");
            volumes.erase(remove.volume);
            return answer(json::object());
        };
        on["attach"] = [this](const Call &, const json &request, const providers::CallOptions &) {
            storage::AttachReply reply;
            reply.path = "/volumes/" + request.at("volume").get<std::string>();
            reply.size_bytes = volumes.at(request.at("volume"));
            return answer(reply);
        };
    }
    void make_dns() {
        auto &on = dns->handlers;
        on["list"] = [this](const Call &, const json &, const providers::CallOptions &options) {
            for (const auto &[key, set] : sets) options.on_item(json(set), {});
            return answer(json::object());
        };
        on["apply"] = [this](const Call &, const json &request, const providers::CallOptions &) {
            auto apply = request.get<dns::ApplyRequest>();
            for (auto &set : apply.sets) {
                set.owner = apply.owner;
                sets[set.name + " " + set.type] = set;
            }
            return answer(json::object());
        };
        on["remove"] = [this](const Call &, const json &request, const providers::CallOptions &) {
            auto remove = request.get<dns::RemoveRequest>();
            for (const auto &key : remove.sets) sets.erase(key.name + " " + key.type);
            return answer(json::object());
        };
    }

    // Runs a coroutine to its end and rethrows what it threw.
    template <typename T>
    T wait_for(Task<T> task) {
        std::exception_ptr failure;
        std::optional<T> result;
        asio::co_spawn(context, std::move(task), [&](std::exception_ptr error, T value) {
            failure = error;
            if (!error) result = std::move(value);
        });
        context.restart();
        while (!failure && !result && context.run_one() > 0) {
        }
        if (failure) std::rethrow_exception(failure);
        return std::move(*result);
    }

    asio::io_context context;
    state::Store store;
    build::NixBuilder builder;
    std::shared_ptr<DoubleProvider> runtime, storage, dns, git;
    names::Records records;
    deploy::World world;

    std::map<std::string, runtime::Boot> boots;
    std::vector<runtime::StartRequest> started;
    std::set<std::string> images;
    std::string next_state = "ready";
    std::map<std::string, std::vector<runtime::Service>> published;
    std::vector<runtime::RouteReport> route_reports;   // what each publication is answered
    std::map<std::string, uint64_t> volumes;
    std::map<std::string, dns::RecordSet> sets;
};

}  // namespace seed::test
