// Drives the plugin as the core would: the shared object, its table of operations, JSON both ways.
#pragma once
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include <seed/util/file.h>
#include <seed/plugin.hpp>

namespace seed::testing {

struct Flight {  // one call
    seed_call call{};
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<json> replies;
    std::string why;
    Pipe cancel = make_pipe();
    std::string id = "test", request_id = "r";
};

class Driver {
public:
    Driver(const std::string &path, const std::string &state, const json &config) : state_(state) {
        library_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (!library_) throw Failure(Code::not_found, dlerror());
        auto entry = reinterpret_cast<decltype(&seed_plugin_v1)>(dlsym(library_, "seed_plugin_v1"));
        provider_ = entry(0);
        ops_ = static_cast<const seed_runtime_v0 *>(provider_->ops);
        host_.size = sizeof host_;
        host_.log = [](const seed_host *, seed_level, seed_text text) {
            fprintf(stderr, "plugin: %.*s\n", static_cast<int>(text.size), text.data);
        };
        host_.extension = [](const seed_host *, const char *) -> const void * { return nullptr; };
        host_.progress = [](const seed_call *, int32_t, seed_text) {};
        host_.reply = [](const seed_call *call, seed_text text) {
            Flight &flight = of(call);
            std::lock_guard lock(flight.mutex);
            flight.replies.push_back(json::parse(std::string_view(text.data, text.size)));
            flight.changed.notify_all();
        };
        host_.attach = [](const seed_call *, int) -> int32_t { return -1; };
        host_.fail = [](const seed_call *call, seed_code code, int64_t, seed_text why) {
            of(call).why.assign(why.data, why.size);
            return code;
        };
        host_.state_dir = {state_.data(), state_.size()};
        Flight flight;
        prepare(flight);
        std::string text = config.dump();
        seed_code code = provider_->open(&host_, &flight.call, {text.data(), text.size()}, &self_);
        if (code) throw Failure(code_from_int(code), "open: " + flight.why);
    }
    ~Driver() {
        if (self_) provider_->close(self_);
        if (library_) dlclose(library_);
    }

    // Throws the plugin's failure; gives the last reply.
    json call(seed_op seed_runtime_v0::*operation, const json &request) {
        Flight flight;
        run(flight, operation, request);
        return flight.replies.empty() ? json::object() : flight.replies.back();
    }
    // A call that is cancelled before it begins; why it ended.
    Code cancelled_call(seed_op seed_runtime_v0::*operation, const json &request) {
        Flight flight;
        write_all(flight.cancel.write.get(), "x");
        try {
            run(flight, operation, request);
        } catch (const Failure &failure) {
            return failure.code();
        }
        return Code::ok;
    }
    // The items of a stream that ends by itself.
    std::vector<json> items(seed_op seed_runtime_v0::*operation, const json &request) {
        Flight flight;
        run(flight, operation, request);
        return flight.replies;
    }
    // Runs a stream until an item satisfies `wanted`, then cancels it.  False when none came in time.
    bool until(seed_op seed_runtime_v0::*operation, const json &request, const std::function<bool(const json &)> &wanted,
               std::chrono::seconds patience = std::chrono::seconds(120)) {
        Flight flight;
        std::thread stream([&] {
            try {
                run(flight, operation, request);
            } catch (const Failure &) {  // cancelled
            }
        });
        bool found = false;
        {
            std::unique_lock lock(flight.mutex);
            size_t next = 0;
            found = flight.changed.wait_for(lock, patience, [&] {
                while (next < flight.replies.size())
                    if (wanted(flight.replies[next++])) return true;
                return false;
            });
        }
        write_all(flight.cancel.write.get(), "x");
        stream.join();
        return found;
    }

private:
    static Flight &of(const seed_call *call) { return *reinterpret_cast<Flight *>(const_cast<seed_call *>(call)); }
    static void prepare(Flight &flight) {
        flight.call.size = sizeof(seed_call);
        flight.call.id = {flight.id.data(), flight.id.size()};
        flight.call.request_id = {flight.request_id.data(), flight.request_id.size()};
        timespec now{};
        clock_gettime(CLOCK_MONOTONIC, &now);
        flight.call.deadline_ns = (now.tv_sec + 300) * 1000000000LL;
        flight.call.cancel_fd = flight.cancel.read.get();
    }
    void run(Flight &flight, seed_op seed_runtime_v0::*operation, const json &request) {
        prepare(flight);
        std::string text = request.is_null() ? "{}" : request.dump();   // {} is null to nlohmann::json
        seed_code code = (ops_->*operation)(self_, &flight.call, {text.data(), text.size()});
        if (code) throw Failure(code_from_int(code), flight.why);
    }

    std::string state_;
    void *library_ = nullptr, *self_ = nullptr;
    const seed_provider *provider_ = nullptr;
    const seed_runtime_v0 *ops_ = nullptr;
    seed_host host_{};
};

}  // namespace seed::testing
