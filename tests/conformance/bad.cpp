// A DNS provider that obeys, unless its file is called bad-RULE.so: then it breaks that one rule.  kit_is_tested.py links it to
// one name per rule and expects seed-plugin-check to fail exactly that check.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>

#include <seed/plugin_entry.hpp>
#include <seed/util/file.h>
#include <seed/util/text.h>

namespace bad {

using namespace seed;
using namespace seed::dns;

// Which rule this file breaks, by its name: "bad-quiet.so" gives "quiet".
const std::string &rule() {
    static const std::string name = [] {
        Dl_info info{};
        dladdr(reinterpret_cast<void *>(&rule), &info);
        std::string stem = std::filesystem::path(info.dli_fname ? info.dli_fname : "").stem();
        return stem.rfind("bad-", 0) == 0 ? stem.substr(4) : "";
    }();
    return name;
}
bool breaks(std::string_view name) { return rule() == name; }
bool in_host() { return std::filesystem::read_symlink("/proc/self/exe").filename() == "seed-plugin-host"; }

std::atomic<int> open_instances{0}, inside{0}, streaming{0};
std::atomic<bool> disturbed{false};

class Provider final : public plugin::DnsProvider {
public:
    Provider(const plugin::Host &host, const json &config) : host_(host), config_(config) {
        // A member of another type is told by json's own exception, which the wrapper makes INVALID.
        url_ = config.value("url", "");
        token_ = config.value("token", "");
        // Not in a host: with a leak checker it would fail the checks of hosts as well.
        if (breaks("leaves-nothing") && !in_host()) (new std::string(2000, 'x'))->size();
        ++open_instances;
    }
    ~Provider() override {
        if (--open_instances > 0 && breaks("two")) disturbed = true;
    }

    CheckReply check(plugin::Call &call) override {
        if (breaks("quiet")) {
            std::puts("hello");
            std::fflush(stdout);
        }
        if (breaks("process")) setenv("BAD", "1", 1);
        if (!url_.empty()) ask_backend(call);
        return {};
    }
    ZonesReply zones(plugin::Call &call) override {
        if (breaks("cancelled")) {
            pollfd cancel{call.cancel_descriptor(), POLLIN, 0};
            if (poll(&cancel, 1, 30) > 0) sleep(4);
        }
        // A host bears a scenario, but not many requests; in-process, nothing is seen.
        bool many = ++asked_ > 20 && in_host();
        if (breaks("host-requests") && many) std::abort();
        if (breaks("leaks") && many) [[maybe_unused]] volatile auto *leak = new std::string(2000, 'x');
        ZonesReply reply;
        json state = load();
        for (const auto &[zone, sets] : state.items()) reply.zones.push_back(zone);
        return reply;
    }
    void ensure_zone(plugin::Call &, const EnsureZoneRequest &request) override {
        if (!request.zone.ends_with(".")) throw Failure(Code::invalid, "a zone ends with a dot");
        json state = load();
        if (!state.contains(request.zone)) state[request.zone] = json::object();
        save(state);
        if (breaks("files")) {
            std::string path = host_.state_directory() + "/everybodys";
            write_file(path, "x");
            chmod(path.c_str(), 0666);
        }
    }
    void list(plugin::Call &call, const ZoneRequest &request) override {
        if (breaks("unknown") && request.zone == "nobody.test.") return;
        struct Count {
            Count() { ++streaming; }
            ~Count() { --streaming; }
        } count;
        if (breaks("streams")) {
            usleep(3000);
            if (streaming > 1) throw Failure(Code::conflict, "one stream at a time");
        }
        json state = load();
        for (const auto &[key, set] : sets(state, request.zone).items()) call.item(set.get<RecordSet>());
        if (disturbed) call.item(RecordSet{"disturbed.kit.test.", "AAAA", 1, {"::1"}, "seed:kit"});
    }
    void apply(plugin::Call &call, const ApplyRequest &request) override {
        if (request.owner.empty() && !breaks("invalid")) throw Failure(Code::invalid, "owner is empty");
        json state = load();
        json &there = sets(state, request.zone);
        for (const auto &set : request.sets) {
            bool within = set.name == request.zone || set.name.ends_with("." + request.zone);
            bool typed = !set.type.empty() && std::all_of(set.type.begin(), set.type.end(), [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }) && set.type[0] >= 'A';
            if (!within || !typed || set.values.empty()) throw Failure(Code::invalid, "a record set that cannot be");
            auto found = there.find(set.name + " " + set.type);
            if (found == there.end() || found->value("owner", "") == request.owner) {
                if (breaks("conflict") && set.name == "new.kit.test.") {
                    there[set.name + " " + set.type] = RecordSet{set.name, set.type, set.ttl, set.values, "seed:kit"};
                    save(state);
                }
                continue;
            }
            throw Failure(Code::conflict, "it belongs to somebody else");
        }
        for (auto set : request.sets) {
            set.owner = request.owner;
            if (breaks("twice") && call.request_id() == "the-same-apply") set.values.assign(there[set.name + " " + set.type].value("values", json::array()).size() + 1, "::1");
            there[set.name + " " + set.type] = set;
        }
        save(state);
    }
    void remove(plugin::Call &, const RemoveRequest &request) override {
        json state = load();
        json &there = sets(state, request.zone);
        // As the kit's scenario undoes it, and nothing at random does.
        bool both = request.sets.size() == 2 && request.sets[0].name == "web.kit.test." && request.sets[1].name == "web.kit.test.";
        if (breaks("host") && both && in_host()) throw Failure(Code::internal, "not in a host");
        for (const auto &key : request.sets) {
            if (breaks("gone") && key.name == "never.kit.test.") throw Failure(Code::not_found, "it is not there");
            auto found = there.find(key.name + " " + key.type);
            if (found == there.end() || (breaks("undo") && key.type == "TXT")) continue;
            if (found->value("owner", "") == request.owner || breaks("ignored")) there.erase(found);
        }
        save(state);
    }
    SettledReply settled(plugin::Call &call, const ZoneRequest &request) override {
        json state = load();
        sets(state, request.zone);
        if (breaks("past-deadline") && call.remaining().count() == 0) throw Failure(Code::denied, "too late");
        if (breaks("threads")) std::thread([] { sleep(60); }).detach();
        if (breaks("children")) {
            const char *arguments[] = {"sleep", "60", nullptr};
            pid_t child;
            posix_spawn(&child, "/bin/sleep", nullptr, nullptr, const_cast<char **>(arguments), nullptr);
        }
        if (breaks("descriptors")) [[maybe_unused]] int leak = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (breaks("kept")) host_.log(SEED_INFO, "asking with token " + token_);
        if (breaks("concurrent")) {
            bool alone = ++inside == 1;
            usleep(5000);
            --inside;
            if (!alone) throw Failure(Code::conflict, "one at a time");
        }
        return {};
    }

private:
    json load() {
        if (breaks("restart")) return memory_;
        auto text = read_file_if_exists(host_.state_directory() + "/state.json");
        return text ? json::parse(*text) : json::object();
    }
    void save(const json &state) {
        memory_ = state;
        if (!breaks("restart")) write_file_atomically(host_.state_directory() + "/state.json", state.dump(), 0600);
    }
    static json &sets(json &state, const std::string &zone) {
        if (!state.contains(zone)) throw Failure(Code::not_found, "no such zone");
        return state[zone];
    }

    // The least of an HTTP client that bears everything; each backend rule is one thing it then does not bear.
    void ask_backend(plugin::Call &call) {
        auto colon = url_.rfind(':');
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<uint16_t>(std::atoi(url_.c_str() + colon + 1)));
        UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (connect(socket.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
            throw Failure(breaks("backend-refuses") ? Code::internal : Code::unavailable, "the backend refuses connections");
        std::string request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n", answer;
        send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
        // Each of these forgets its call in one situation only: before anything, within, and after what anybody would read.
        auto forgets = [&] {
            if (breaks("backend-hangs")) return answer.empty();
            if (breaks("backend-drips")) return !answer.empty() && answer.size() < 4096;
            return breaks("backend-never-stops") && answer.size() >= 1u << 20;
        };
        auto end = std::chrono::steady_clock::now() + std::chrono::seconds(6);
        for (char buffer[4096];;) {
            bool patient = forgets();
            if (!patient) call.wait(socket.get(), POLLIN);
            pollfd set{socket.get(), POLLIN, 0};
            if (patient && (std::chrono::steady_clock::now() > end || poll(&set, 1, 6000) <= 0)) break;
            ssize_t count = read(socket.get(), buffer, sizeof buffer);
            if (count < 0) throw Failure(breaks("backend-resets") ? Code::internal : Code::unavailable, "the connection was reset");
            if (count == 0) break;
            if (answer.size() < 1u << 20) answer.append(buffer, static_cast<size_t>(count));
            if (answer.size() >= 1u << 20 && !forgets()) throw Failure(Code::unavailable, "the answer does not end");
        }
        if (answer.rfind("HTTP/1.1 429", 0) == 0) throw Failure(breaks("backend-answers-429") ? Code::invalid : Code::limit, "asked too often", 3000);
        if (answer.rfind("HTTP/1.1 500", 0) == 0) {
            if (breaks("backend-answers-500")) return;
            throw Failure(Code::unavailable, "the backend is broken");
        }
        throw Failure(breaks("backend-talks-garbage") && answer.rfind("HTTP/1.1", 0) != 0 ? Code::internal : Code::unavailable, "that was no answer");
    }

    const plugin::Host &host_;
    json config_, memory_ = json::object();
    std::string url_, token_;
    std::atomic<int> asked_{0};
};

// In front of the wrapper's operations, for rules that the wrapper would keep.
seed_code ensure_zone(void *self, const seed_call *call, seed_text text) {
    std::string request(text.data, text.size);
    json body = json::parse(request, nullptr, false);
    bool object = body.is_object();
    if (breaks("no-json") && request == "7") return SEED_OK;
    if (breaks("missing-members") && object && !body.contains("name_servers")) return SEED_OK;
    if (breaks("wrong-types") && object && body.contains("name_servers") && body["name_servers"].is_object()) return SEED_OK;
    if (breaks("unknown-members") && object && body.contains("x-kit-unknown")) return SEED_INVALID;
    json zone = object ? body.value("zone", json()) : json();
    if (breaks("requests") && !in_host() && zone.is_string() && !zone.get<std::string>().ends_with(".")) std::abort();
    if (breaks("bytes") && !body.is_object() && request.size() == 5000) std::abort();
    return plugin::entry::dns_operations.ensure_zone(self, call, text);
}
seed_code remove(void *self, const seed_call *call, seed_text text) {
    json body = json::parse(std::string(text.data, text.size), nullptr, false);
    bool right = body.is_object() && body.size() == 3 && body.value("zone", json()) == "kit.test." && body.value("owner", json()) == "seed:kit" &&
                 body.value("sets", json()) == json::parse(R"([{"name":"absent.kit.test.","type":"AAAA"}])");
    if (breaks("valid") && right) {
        auto *host = static_cast<plugin::entry::Instance<plugin::DnsProvider> *>(self)->host.raw();
        host->reply(call, {"\"no object\"", 11});
        return SEED_OK;
    }
    return plugin::entry::dns_operations.remove(self, call, text);
}
seed_code settled(void *self, const seed_call *call, seed_text text) {
    if (breaks("sentences") && std::string_view(text.data, text.size).find("nobody") != std::string_view::npos) return SEED_NOT_FOUND;
    if (breaks("borrowed") && call->fd_count > 0) close(call->fds[0]);
    return plugin::entry::dns_operations.settled(self, call, text);
}
seed_code open(const seed_host *host, const seed_call *call, seed_text config, void **self) {
    if (breaks("bad-config") && config.size == 1) config = {"{}", 2};
    return plugin::entry::open<plugin::DnsProvider, Provider>(host, call, config, self);
}

}  // namespace bad

extern "C" SEED_EXPORT const seed_provider *seed_plugin_v1(uint32_t index) {
    using namespace bad;
    static const seed_dns_v0 table = [] {
        seed_dns_v0 made = plugin::entry::dns_operations;
        made.ensure_zone = bad::ensure_zone;
        made.remove = bad::remove;
        made.settled = breaks("slots") ? nullptr : bad::settled;
        return made;
    }();
    static const char *closed = R"({"type":"object","additionalProperties":false,"properties":{
        "url":{"type":"string","description":"of the backend"},"token":{"type":"string","x-seed-secret":true,"description":"of the backend"}}})";
    static const char *lax = R"({"type":"object","properties":{"password":{"type":"string","description":"unmarked"}}})";
    static const seed_provider provider = {
        .size = sizeof(seed_provider),
        .id = "bad",
        .contract = "seed.dns/0",
        .version = breaks("descriptor") ? "one" : "1.0.0",
        .summary = "breaks at most one rule",
        .config_schema = breaks("schema") ? lax : closed,
        .flags = breaks("concurrent") ? uint32_t{SEED_CONCURRENT} : 0,
        .open = bad::open,
        .close = plugin::entry::close<plugin::DnsProvider>,
        .ops = &table,
        .extension = nullptr,
    };
    return index == 0 ? &provider : nullptr;
}
