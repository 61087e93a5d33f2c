// Against a real pdns_server, asked with dig.
#include "plugins/dns-powerdns/provider.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fstream>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/process.h>
#include <seed/util/text.h>

#include "plugins/dns-powerdns/http_client.h"

namespace seed::powerdns {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

const std::string zone = "seed.test.";
const std::string ours = "seed:one";

std::string logged;
std::vector<json> items;

// The least of a plugin host: logs and collects items.
struct FakeHost {
    std::string state;
    seed_host c{};
    plugin::Host host{&c};
    Pipe quiet = make_pipe();
    explicit FakeHost(const fs::path &folder) : state(folder) {
        c.size = sizeof c;
        c.log = [](const seed_host *, seed_level, seed_text text) { logged.append(text.data, text.size) += "\n"; };
        c.reply = [](const seed_call *, seed_text text) { items.push_back(json::parse(std::string(text.data, text.size))); };
        c.state_dir = {state.data(), state.size()};
    }
    template <typename Act>
    auto call(Act act) {
        timespec now{};
        clock_gettime(CLOCK_MONOTONIC, &now);
        seed_call call{};
        call.size = sizeof call;
        call.deadline_ns = (int64_t{now.tv_sec} + 60) * 1'000'000'000;
        call.cancel_fd = quiet.read.get();
        plugin::Call wrapped(&c, &call);
        return act(wrapped);
    }
};

struct powerdns : testing::Test {
    TemporaryDirectory temporary{fs::temp_directory_path(), "seed-pdns-"};
    fs::path folder = temporary.path() / "dns";
    std::unique_ptr<FakeHost> host;
    std::unique_ptr<PowerDns> provider;

    void SetUp() override {
        if (access("/usr/sbin/pdns_server", X_OK) != 0 || access("/usr/bin/dig", X_OK) != 0)
            GTEST_SKIP() << "pdns-server or bind9-dnsutils is missing";
        fs::permissions(temporary.path(), static_cast<fs::perms>(0755));
        make_directory(folder, 0755);
        logged.clear();
        open();
    }
    void open(json config = {{"managed", true}}) {
        provider.reset();
        host = std::make_unique<FakeHost>(folder);
        provider = std::make_unique<PowerDns>(host->host, config);
        host->call([&](auto &call) { provider->ensure_zone(call, {zone, {"ns1." + zone}}); });
    }
    std::string server() {
        return host->call([&](auto &call) { return provider->check(call); }).servers.at(0);
    }
    void apply(std::vector<dns::RecordSet> sets, const std::string &owner = ours) {
        host->call([&](auto &call) { provider->apply(call, {zone, owner, sets}); });
    }
    void remove(std::vector<dns::Key> keys, const std::string &owner = ours) {
        host->call([&](auto &call) { provider->remove(call, {zone, owner, keys}); });
    }
    std::vector<dns::RecordSet> list() {
        items.clear();
        host->call([&](auto &call) { provider->list(call, {zone}); });
        std::vector<dns::RecordSet> sets;
        for (const auto &item : items) sets.push_back(item.get<dns::RecordSet>());
        return sets;
    }
    std::string dig(const std::string &name, const std::string &type = "AAAA") {
        std::string at = server();
        SpawnOptions options;
        options.arguments = {"/usr/bin/dig", "+norec", "+short", "+tries=5", "+time=5", "-p", at.substr(at.rfind(':') + 1),
                             "@127.0.0.1",   type,     name};
        return std::string(trim(run(std::move(options), seconds(60)).out));
    }
    std::string serial() { return split(dig(zone, "SOA"), ' ').at(2); }
    pid_t server_pid() {
        UniqueFd control = connect_unix(folder / "server/pdns.controlsocket");
        return peer_credentials(control.get()).pid;
    }
    Code code_of(const std::function<void()> &act) {
        try {
            act();
        } catch (const Failure &failure) {
            said = failure.what();
            return failure.code();
        }
        return Code::ok;
    }
    std::string said;
};

dns::RecordSet aaaa(const std::string &name, const std::string &value) {
    return {name + "." + zone, "AAAA", 60, {value}, ""};
}

TEST_F(powerdns, records_are_added_changed_and_removed) {
    apply({aaaa("web", "FD00:0:0::1"), {"txt." + zone, "TXT", 5, {"\"hello\""}, ""}});
    EXPECT_EQ(dig("web." + zone), "fd00::1");
    EXPECT_EQ(dig("txt." + zone, "TXT"), "\"hello\"");
    EXPECT_EQ(dig("ns1." + zone, "A"), "127.0.0.1");
    apply({aaaa("web", "fd00::2")});
    EXPECT_EQ(dig("web." + zone), "fd00::2");
    remove({{"web." + zone, "AAAA"}, {"never." + zone, "AAAA"}});
    remove({{"web." + zone, "AAAA"}});
    EXPECT_EQ(dig("web." + zone), "");
    EXPECT_EQ(dig("txt." + zone, "TXT"), "\"hello\"");
}

TEST_F(powerdns, what_is_right_already_is_not_written) {
    apply({aaaa("web", "fd00::1")});
    std::string before = serial();
    apply({aaaa("web", "FD00::1")});
    apply({aaaa("WEB", "fd00:0::1")});
    EXPECT_EQ(serial(), before);
    apply({aaaa("web", "fd00::2")});
    EXPECT_NE(serial(), before);
}

TEST_F(powerdns, a_set_of_somebody_else_is_a_conflict_and_nothing_is_applied) {
    apply({aaaa("web", "fd00::1")}, "seed:two");
    EXPECT_EQ(code_of([&] { apply({aaaa("api", "fd00::3"), aaaa("web", "fd00::2")}); }), Code::conflict);
    EXPECT_NE(said.find("web.seed.test. AAAA"), said.npos) << said;
    EXPECT_NE(said.find("seed:two"), said.npos) << said;
    EXPECT_EQ(code_of([&] {
                  apply({{"ns1." + zone, "A", 60, {"10.0.0.1"}, ""}});
              }),
              Code::conflict)
        << "without a mark it is somebody else's too";
    remove({{"web." + zone, "AAAA"}, {"ns1." + zone, "A"}, {zone, "SOA"}, {zone, "NS"}});
    EXPECT_EQ(dig("web." + zone), "fd00::1");
    EXPECT_EQ(dig("api." + zone), "");
    EXPECT_EQ(dig("ns1." + zone, "A"), "127.0.0.1");
    EXPECT_NE(dig(zone, "SOA"), "");
    EXPECT_NE(logged.find("ignoring web.seed.test. AAAA"), logged.npos) << logged;
}

TEST_F(powerdns, a_set_that_the_server_refuses_keeps_all_others_out) {
    EXPECT_EQ(code_of([&] { apply({aaaa("good", "fd00::1"), aaaa("bad", "10.0.0.1")}); }), Code::invalid);
    EXPECT_EQ(dig("good." + zone), "");
    EXPECT_EQ(code_of([&] { apply({{"web.other.test.", "AAAA", 60, {"fd00::1"}, ""}}); }), Code::invalid);
    EXPECT_EQ(code_of([&] { apply({aaaa("a", "fd00::1"), aaaa("A", "fd00::2")}); }), Code::invalid);
    EXPECT_EQ(code_of([&] { apply({aaaa("a", "fd00::1")}, ""); }), Code::invalid);
    EXPECT_EQ(code_of([&] { host->call([&](auto &call) { provider->list(call, {"absent.test."}); }); }), Code::not_found);
}

TEST_F(powerdns, lists_sets_with_their_owner) {
    apply({aaaa("web", "fd00::1")});
    std::map<std::string, std::string> owners;
    for (const auto &set : list()) owners[set.name + " " + set.type] = set.owner;
    EXPECT_EQ(owners["web.seed.test. AAAA"], ours);
    EXPECT_TRUE(owners.contains("seed.test. SOA"));
    EXPECT_EQ(owners["seed.test. SOA"], "");
    EXPECT_EQ(host->call([&](auto &call) { return provider->zones(call); }).zones, std::vector<std::string>{zone});
    EXPECT_TRUE(host->call([&](auto &call) { return provider->settled(call, {zone}); }).settled);
}

TEST_F(powerdns, a_thousand_sets_go_in_one_call) {
    std::vector<dns::RecordSet> sets;
    std::vector<dns::Key> keys;
    for (int i = 1; i <= 1000; ++i) {
        sets.push_back(aaaa("n" + std::to_string(i), "fd00::" + std::to_string(i)));
        keys.push_back({sets.back().name, "AAAA"});
    }
    apply(sets);
    EXPECT_EQ(dig("n1000." + zone), "fd00::1000");
    EXPECT_EQ(list().size(), 1000u + 3);
    std::string before = serial();
    apply(sets);
    EXPECT_EQ(serial(), before);
    remove(keys);
    EXPECT_EQ(list().size(), 3u);
}

TEST_F(powerdns, a_killed_server_comes_back_by_itself_with_its_records_and_port) {
    apply({aaaa("web", "fd00::1")});
    std::string at = server();
    pid_t before = server_pid();
    kill(before, SIGKILL);
    EXPECT_EQ(server(), at);
    EXPECT_EQ(dig("web." + zone), "fd00::1");
    EXPECT_NE(server_pid(), before);
}

TEST_F(powerdns, a_server_that_was_kept_is_found_again) {
    open({{"managed", true}, {"keep", true}});
    apply({aaaa("web", "fd00::1")});
    pid_t before = server_pid();
    provider.reset();
    EXPECT_EQ(server_pid(), before) << "it outlives its provider";
    open();
    EXPECT_EQ(dig("web." + zone), "fd00::1");
    EXPECT_EQ(server_pid(), before);
    provider.reset();
    EXPECT_NE(code_of([&] { server_pid(); }), Code::ok) << "without keep it ends with its provider";
}

TEST_F(powerdns, a_kept_server_that_hangs_is_replaced) {
    open({{"managed", true}, {"keep", true}});
    apply({aaaa("web", "fd00::1")});
    pid_t before = server_pid();
    provider.reset();
    kill(before, SIGSTOP);
    open();
    EXPECT_EQ(dig("web." + zone), "fd00::1");
    EXPECT_NE(server_pid(), before);
}

TEST_F(powerdns, the_key_is_private_and_never_told) {
    std::string key(trim(read_file(folder / "server/api-key")));
    EXPECT_GE(key.size(), 32u);
    for (const char *file : {"api-key", "pdns.conf"})
        EXPECT_EQ(fs::status(folder / "server" / file).permissions(), fs::perms::owner_read | fs::perms::owner_write) << file;
    code_of([&] { apply({aaaa("bad", "nonsense")}); });
    EXPECT_EQ((said + logged).find(key), std::string::npos);
    SpawnOptions options;
    options.arguments = {"/usr/bin/tr", "\\0", " "};
    std::string command =
        run(std::move(options), seconds(60), 1 << 20, read_file("/proc/" + std::to_string(server_pid()) + "/cmdline")).out;
    EXPECT_EQ(command.find(key), std::string::npos) << command;
}

TEST_F(powerdns, a_server_by_url_is_used_and_a_wrong_key_is_denied) {
    std::string ports = read_file(folder / "server/ports");
    std::string url = "http://127.0.0.1:" + std::string(trim(ports.substr(ports.find(' ') + 1)));
    FakeHost other(temporary.path());
    PowerDns by_url(other.host,
                    {{"url", url + "/"}, {"api_key_file", (folder / "server/api-key").string()}, {"servers", {"192.0.2.1:53"}}});
    other.call([&](auto &call) { by_url.apply(call, {zone, ours, {aaaa("url", "fd00::7")}}); });
    EXPECT_EQ(dig("url." + zone), "fd00::7");
    EXPECT_EQ(other.call([&](auto &call) { return by_url.check(call); }).servers, std::vector<std::string>{"192.0.2.1:53"});
    PowerDns wrong(other.host, {{"url", url}, {"api_key", "wrong-key-value"}});
    EXPECT_EQ(code_of([&] { other.call([&](auto &call) { wrong.check(call); }); }), Code::denied);
    EXPECT_EQ(said.find("wrong-key-value"), said.npos) << said;
    PowerDns nobody(other.host, {{"url", "http://127.0.0.1:1"}, {"api_key", "k"}});
    EXPECT_EQ(code_of([&] { other.call([&](auto &call) { nobody.check(call); }); }), Code::unavailable);
}

TEST_F(powerdns, a_zone_goes_when_it_was_made_here_and_nothing_is_left_in_it) {
    const std::string own = "shop.test.";
    auto ensure = [&] { host->call([&](auto &call) { provider->ensure_zone(call, {own, {"ns1." + zone}}); }); };
    auto gone = [&](const std::string &name) {
        dns::RemoveZoneReply reply;
        host->call([&](auto &call) { reply = provider->remove_zone(call, {name}); });
        said = reply.reason;
        EXPECT_EQ(reply.removed, reply.reason.empty());
        return reply.removed;
    };
    EXPECT_FALSE(gone(own));
    EXPECT_EQ(said, "there is no zone shop.test.");
    ensure();
    host->call([&](auto &call) { provider->apply(call, {own, "seed:two", {{"www." + own, "AAAA", 60, {"fd00::1"}, ""}}}); });
    EXPECT_FALSE(gone(own));
    EXPECT_NE(said.find("other records: www.shop.test. AAAA"), said.npos) << said;
    EXPECT_EQ(dig("www." + own), "fd00::1");
    host->call([&](auto &call) { provider->remove(call, {own, "seed:two", {{"www." + own, "AAAA"}}}); });
    EXPECT_TRUE(gone(own)) << said;
    EXPECT_EQ(dig(own, "SOA"), "") << "the server answers for it still";
    EXPECT_FALSE(gone(own));
    ensure();
    EXPECT_NE(dig(own, "SOA"), "");
    EXPECT_TRUE(gone(own)) << said;

    EXPECT_FALSE(gone(zone)) << "its name server has an address in it";
    EXPECT_EQ(code_of([&] { gone("../../config"); }), Code::invalid);
    EXPECT_EQ(code_of([&] { gone(""); }), Code::invalid);
}

TEST_F(powerdns, a_zone_that_somebody_else_made_stays_though_it_is_empty) {
    std::string ports = read_file(folder / "server/ports"), key(trim(read_file(folder / "server/api-key")));
    std::string api = "http://127.0.0.1:" + std::string(trim(ports.substr(ports.find(' ') + 1))) + "/api/v1/servers/localhost/zones";
    json made = {{"name", "theirs.test."}, {"kind", "Native"}, {"nameservers", {"ns1." + zone}}};
    ASSERT_EQ(http_request("POST", api, key, made.dump(), {seconds(20), {}}).status, 201);
    host->call([&](auto &call) { provider->ensure_zone(call, {"theirs.test.", {"ns1." + zone}}); });
    dns::RemoveZoneReply reply;
    host->call([&](auto &call) { reply = provider->remove_zone(call, {"theirs.test."}); });
    EXPECT_FALSE(reply.removed);
    EXPECT_NE(reply.reason.find("was not made by a platform"), reply.reason.npos) << reply.reason;
    EXPECT_NE(dig("theirs.test.", "SOA"), "");
}

TEST_F(powerdns, works_in_the_cage_of_a_plugin_host) {
    provider.reset();
    fs::path caged = temporary.path() / "caged";
    make_directory(caged, 0700);
    change_owner(caged, uids::pdns, uids::pdns);
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        int status = 1;
        try {
            Cage cage;
            cage.uid = uids::pdns;
            cage.write = {caged};
            cage.memory_bytes = uint64_t{4} << 30;
            enter_cage(cage);
            FakeHost mine(caged);
            PowerDns inside(mine.host, {{"managed", true}});
            mine.call([&](auto &call) {
                inside.ensure_zone(call, {zone, {}});
                inside.apply(call, {zone, ours, {aaaa("web", "fd00::1")}});
            });
            status = 0;
        } catch (const std::exception &error) {
            fprintf(stderr, "%s\n", error.what());
        }
        fprintf(stderr, "%s", logged.c_str());
        _exit(status);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST(powerdns_settings, refuse_what_cannot_work) {
    for (const json &bad :
         {json::object(), json{{"url", "http://x"}}, json{{"url", "ftp://x"}, {"api_key", "k"}},
          json{{"managed", true}, {"url", "http://x"}}, json{{"managed", true}, {"listen", "somewhere"}},
          json{{"managed", true}, {"listen", "127.0.0.1:x"}}, json{{"managed", true}, {"listen", "127.0.0.1:70000"}},
          json{{"managed", true}, {"dns_port", 70000}}, json{{"managed", "yes"}}})
        EXPECT_THROW(read_settings(bad), Failure) << bad;
    Settings settings = read_settings({{"managed", true}, {"listen", "[::1]:5353"}});
    EXPECT_EQ(settings.listen, "::1");
    EXPECT_EQ(settings.dns_port, 5353);
    EXPECT_EQ(read_settings({{"managed", true}, {"listen", "::1"}}).listen, "::1");
}

}  // namespace
}  // namespace seed::powerdns
