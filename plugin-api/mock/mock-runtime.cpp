// mock-runtime: boots without machines.  A boot is "starting" for ready_ms, then "ready"; with exit_after_ms it ends by itself.
// Which of these it is follows from the clock and the state, so boots survive the host process as real ones do.
//
// Configuration: "ready_ms" (default 20), "never_ready" (instances), "exit_after_ms": {"NAMESPACE/NAME": 500},
// "exit_times": {"NAMESPACE/NAME": 1} (only the first N boots of it end by themselves), "log_lines": ["..."].
// Tests that want a boot to end now write its handle to exit.json in the state directory: {"HANDLE": "reason"}.
#include <seed/util/file.h>
#include <seed/util/text.h>
#include <seed/plugin_entry.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>

#include "mock.hpp"

namespace seed::mock {

using namespace runtime;

class MockRuntime final : public plugin::RuntimeProvider {
public:
    MockRuntime(const plugin::Host &host, const json &config) : mock_(host, config) {}

    CheckReply check(plugin::Call &call) override {
        mock_.enter(call, "check");
        return {.ok = true, .accelerator = "none", .remarks = {"mock: no machine is ever started"}};
    }
    PrepareReply prepare(plugin::Call &call, const PrepareRequest &request) override {
        mock_.enter(call, "prepare", request);
        mock_.change([&](json &state) { state["images"][request.key] = request.image; });
        return {request.key};
    }
    Boot start(plugin::Call &call, const StartRequest &request) override {
        mock_.enter(call, "start", request);
        Boot boot;
        mock_.change([&](json &state) {
            if (!state["images"].contains(request.image))
                throw Failure(Code::not_found, "image " + request.image + " is not here");
            json &entry = state["boots"][request.handle];
            if (entry.is_null()) {
                json &made = state["made"][request.instance];
                int number = made.is_number() ? made.get<int>() : 0;
                made = number + 1;
                int serial = state.value("serial", 0) + 1;
                state["serial"] = serial;
                entry = {{"request", request}, {"started_ms", unix_ms_now()}, {"number", number}, {"serial", serial}};
            } else if (entry["request"] != json(request)) {
                throw Failure(Code::conflict, "boot " + request.handle + " exists with another specification");
            }
            boot = observe(request.handle, entry, exits());
        });
        return boot;
    }
    Boot inspect(plugin::Call &call, const HandleRequest &request) override {
        mock_.enter(call, "inspect", request);
        std::optional<Boot> found;
        mock_.look([&](const json &state) {
            auto boots = state.find("boots");
            if (boots == state.end()) return;
            if (auto entry = boots->find(request.handle); entry != boots->end()) found = observe(request.handle, *entry, exits());
        });
        if (!found) throw Failure(Code::not_found, "boot " + request.handle + " does not exist");
        return *found;
    }
    void wait(plugin::Call &call, const WaitRequest &request) override {
        mock_.enter(call, "wait", request);
        std::map<std::string, std::string> seen;  // handle to the item last sent
        uint64_t version = 0;
        std::string exit_mark;
        bool moves = true;  // the clock alone will change a boot
        struct Waits {
            std::atomic<int> &count;
            explicit Waits(std::atomic<int> &count) : count(count) { ++count; }
            ~Waits() { --count; }
        } waits(waits_);
        auto pause = std::chrono::microseconds(5000);
        for (;; usleep(static_cast<useconds_t>(pause.count()))) {
            call.check();
            auto began = std::chrono::steady_clock::now();
            uint64_t version_now = mock_.version();
            std::string exit_mark_now = mark_of(mock_.path("exit.json"));
            if (!moves && version_now == version && exit_mark_now == exit_mark) continue;
            version = version_now;
            exit_mark = exit_mark_now;
            moves = mock_.config().contains("exit_after_ms");
            std::map<std::string, std::string> now;
            std::vector<std::string> news;
            mock_.look([&](const json &state) {
                json ended = exits();
                auto boots = state.find("boots");
                if (boots == state.end()) return;
                auto tell = [&](const std::string &handle, const json &entry) {
                    Boot boot = observe(handle, entry, ended);
                    moves = moves || boot.state == "starting";
                    std::string text = to_json_text(boot);
                    if (seen[handle] != text) news.push_back(text);
                    now[handle] = text;
                };
                if (auto one = boots->find(request.handle); !request.handle.empty() && one != boots->end()) tell(request.handle, *one);
                if (request.handle.empty())
                    for (const auto &[handle, entry] : boots->items()) tell(handle, entry);
            });
            for (const std::string &text : news) call.reply_text(text);
            seen = std::move(now);
            // Thousands of boots are looked at less often: a fifth of the time at most, and by hundreds of callers in turns.
            auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
            auto least = std::chrono::microseconds(5000) * std::clamp(waits_.load() / 8, 1, 50);
            pause = std::clamp(took * 4, least, std::chrono::microseconds(250000));
        }
    }
    void logs(plugin::Call &call, const LogsRequest &request) override {
        mock_.enter(call, "logs", request);
        std::vector<LogLine> lines;
        json state = mock_.state();
        for (const auto &[handle, entry] : state["boots"].items()) {
            if (entry["request"]["instance"] != request.instance) continue;
            std::string boot = handle.substr(handle.rfind('/') + 1);
            int64_t started = entry["started_ms"];
            lines.push_back({started, boot, "mock: boot " + boot + " of " + request.instance});
            for (const json &text : mock_.config().value("log_lines", json::array())) {
                lines.push_back({started, boot, text.get<std::string>()});
            }
        }
        std::stable_sort(lines.begin(), lines.end(), [](auto &a, auto &b) { return a.time_ms < b.time_ms; });
        size_t first = request.lines > 0 && lines.size() > request.lines ? lines.size() - request.lines : 0;
        for (size_t i = first; i < lines.size(); ++i) call.item(lines[i]);
        while (request.follow) call.wait(-1, 0);
    }
    void stop(plugin::Call &call, const StopRequest &request) override {
        mock_.enter(call, "stop", request);
        end(request.handle, "stopped");
    }
    void destroy(plugin::Call &call, const HandleRequest &request) override {
        mock_.enter(call, "destroy", request);
        mock_.change([&](json &state) {
            if (json &boots = state["boots"]; boots.is_object()) boots.erase(request.handle);
        });
    }
    ListReply list(plugin::Call &call) override {
        mock_.enter(call, "list");
        ListReply reply;
        json state = mock_.state(), ended = exits();
        for (const auto &[handle, entry] : state["boots"].items()) reply.boots.push_back(observe(handle, entry, ended));
        return reply;
    }
    PublishReply publish(plugin::Call &call, const PublishRequest &request) override {
        mock_.enter(call, "publish", request);
        mock_.change([&](json &state) { state["published"][request.ns] = request.services; });
        PublishReply reply;
        for (const auto &service : request.services)
            for (const auto &route : service.routes) reply.routes.push_back({service.instance, route.name, route.udp, true, ""});
        return reply;
    }
    ImagesReply images(plugin::Call &call) override {
        mock_.enter(call, "images");
        ImagesReply reply;
        json state = mock_.state();
        for (const auto &[key, image] : state["images"].items()) reply.keys.push_back(key);
        return reply;
    }
    void forget(plugin::Call &call, const ForgetRequest &request) override {
        mock_.enter(call, "forget", request);
        mock_.change([&](json &state) {
            if (json &images = state["images"]; images.is_object()) images.erase(request.key);
        });
    }
    void recover(plugin::Call &call) override { mock_.enter(call, "recover"); }

private:
    void end(const std::string &handle, const std::string &reason) {
        mock_.change([&](json &state) {
            json &boots = state["boots"];
            if (boots.contains(handle) && !boots[handle].contains("ended")) boots[handle]["ended"] = reason;
        });
    }

    json exits() const {
        auto text = read_file_if_exists(mock_.path("exit.json"));
        return text ? parse_json(*text, "exit.json") : json::object();
    }

    Boot observe(const std::string &handle, const json &entry, const json &exits) const {
        const json &request = entry.at("request");
        std::string instance = request.at("instance");
        int64_t started = entry.at("started_ms"), age = unix_ms_now() - started;
        int64_t ready_after = mock_.config().value("ready_ms", 20);
        Boot boot;
        boot.handle = handle;
        boot.instance = instance;
        boot.image = request.at("image");
        boot.desired = request.at("desired");
        boot.started_ms = started;
        boot.address6 = "fd5e:ed00::" + std::to_string(entry.at("serial").get<int>());
        boot.address4 = "10.99." + std::to_string(entry.at("serial").get<int>() / 250 % 256) + "." +
                        std::to_string(entry.at("serial").get<int>() % 250 + 2);
        auto never = mock_.config().value("never_ready", json::array());
        bool can_be_ready = std::find(never.begin(), never.end(), instance) == never.end();
        boot.state = "starting";
        boot.reason = "the mock is not ready yet";
        if (can_be_ready && age >= ready_after) {
            boot.state = "ready";
            boot.reason = "";
            boot.ready_ms = started + ready_after;
        }
        std::string why = entry.value("ended", "");
        json after = mock_.config().value("exit_after_ms", json::object()),
             times = mock_.config().value("exit_times", json::object());
        bool counts = entry.value("number", 0) < times.value(instance, 1 << 30);
        if (why.empty() && counts && after.contains(instance) && age >= after[instance].get<int64_t>()) {
            why = "the mock's script ended it";
        }
        if (why.empty()) why = exits.value(handle, "");
        if (!why.empty()) {
            boot.state = "exited";
            boot.reason = why;
        }
        return boot;
    }

    Mock mock_;
    std::atomic<int> waits_ = 0;  // calls of `wait` that are under way
};

SEED_RUNTIME_PLUGIN(
    MockRuntime, "mock-runtime", SEED_VERSION, "a runtime that only remembers",
    MOCK_SCHEMA(R"(,"ready_ms":{"type":"integer","minimum":0,"description":"from start to ready"},)"
                R"("never_ready":{"type":"array","description":"instances that never get ready"},)"
                R"("exit_after_ms":{"type":"object","description":"instances whose boots end by themselves"},)"
                R"("exit_times":{"type":"object","description":"how many of their boots do"},)"
                R"("log_lines":{"type":"array","description":"what every boot says"},)"
                R"("prefix6":{"type":"string","description":"of the platform, as real runtimes are told; used for nothing"},)"
                R"("platform":{"type":"string","description":"likewise"},"zone":{"type":"string","description":"likewise"},)"
                R"("dns":{"type":"string","description":"likewise"},"loopback_ports":{"type":"string","description":"likewise"})"), true)

}  // namespace seed::mock
