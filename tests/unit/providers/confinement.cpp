// A plugin that attacks (bad/hostile.cpp), behind the real host program in the cage that the core makes: each attempt is refused, and it
// hears so.  The same attempts without the cage work, where they can be tried without harm: otherwise a test would prove nothing.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>

#include <set>

#include <seed/util/cage.h>
#include <seed/util/cgroup.h>
#include <seed/util/process.h>
#include <seed/util/text.h>

#include "core/providers/host_group.h"
#include "fixture.h"

namespace seed::providers {
namespace {

class Confinement : public ProviderTest {
protected:
    ProviderSettings hostile(json needs = json::object(), json config = json::object()) {
        ProviderSettings given = settings("dns", "hostile", std::move(config));
        auto folder = temporary_.path() / "plugins";
        make_directory(folder, 0755);
        given.path = (folder / "hostile.so").string();
        write_file_atomically(given.path, read_file(SEED_BUILD_DIR "/plugins/bad/hostile.so", 256u << 20), 0755);
        // What it may is what its manifest asks.
        schema_["x-seed-needs"] = needs;
        given.grants = grants_of("hostile", schema_, given.config);
        return given;
    }
    struct Attempt {
        bool worked;
        std::vector<std::string> seen;
    };
    Attempt attempt(const std::shared_ptr<Provider> &provider, json request) {
        json reply = ask(provider, "check", std::move(request));
        return {reply.at("ok"), reply.value("remarks", std::vector<std::string>{})};
    }
    // Refused, with one of these errors.
    void expect_refused(const std::shared_ptr<Provider> &provider, const json &request, const std::set<std::string> &errors) {
        SCOPED_TRACE(request.dump());
        Attempt result = attempt(provider, request);
        EXPECT_FALSE(result.worked);
        ASSERT_FALSE(result.seen.empty());
        EXPECT_TRUE(errors.contains(result.seen.at(0))) << result.seen.at(0);
    }
    std::shared_ptr<Provider> uncaged() {
        auto free = hostile();
        free.privileged = true;
        return open(free);
    }
    json schema_ = json::object();
};

// A TCP server of the test's own.
struct Listener {
    Listener() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        socket_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (bind(socket_.get(), reinterpret_cast<sockaddr *>(&address), size) || listen(socket_.get(), 5) ||
            getsockname(socket_.get(), reinterpret_cast<sockaddr *>(&address), &size))
            throw std::runtime_error("no listener");
        port = ntohs(address.sin_port);
    }
    uint16_t port = 0;

private:
    UniqueFd socket_;
};

TEST_F(Confinement, FilesOfOthersAreNeitherReadNorWritten) {
    if (landlock_abi() < 1) GTEST_SKIP() << "this kernel has no Landlock: only the uid separates files";
    make_directory(temporary_.path() / "core", 0755);
    auto secret = temporary_.path() / "core/seed.sqlite3";
    write_file_atomically(secret, "state of the core", 0666);   // even what its mode would let it read
    auto provider = open(hostile());
    for (const std::string &path : {std::string("/etc/shadow"), std::string("/proc/1/environ"), std::string("/root/.bashrc"), secret.string(), std::string("/dev/kmsg")})
        expect_refused(provider, {{"attempt", "read"}, {"path", path}}, {"EACCES", "EPERM", "ENOENT"});
    expect_refused(provider, {{"attempt", "read"}, {"path", secret.string()}}, {"EACCES"});
    expect_refused(provider, {{"attempt", "read"}, {"path", "/proc/" + std::to_string(getpid()) + "/mem"}}, {"EACCES"});
    for (const std::string &path : {secret.string(), (temporary_.path() / "new").string(), std::string("/tmp/seed-hostile-was-here"), std::string("/etc/passwd")})
        expect_refused(provider, {{"attempt", "write"}, {"path", path}}, {"EACCES", "EPERM"});
    EXPECT_TRUE(attempt(provider, {{"attempt", "write"}, {"path", (temporary_.path() / "hostile/own").string()}}).worked) << "its own state is its own";
    EXPECT_TRUE(attempt(uncaged(), {{"attempt", "read"}, {"path", secret.string()}}).worked);
}

TEST_F(Confinement, NetworkNoneMeansNoInternetSocketAtAll) {
    Listener listener;
    auto provider = open(hostile({{"network", "none"}}));
    for (const char *kind : {"tcp", "udp", "listen"}) expect_refused(provider, {{"attempt", kind}, {"port", listener.port}}, {"EPERM"});
    EXPECT_TRUE(attempt(uncaged(), {{"attempt", "tcp"}, {"port", listener.port}}).worked);
    EXPECT_TRUE(attempt(uncaged(), {{"attempt", "udp"}, {"port", listener.port}}).worked);
}

TEST_F(Confinement, RawSocketsAndSocketsOfTheKernelAreRefusedAlways) {
    auto provider = open(hostile());
    for (const char *kind : {"raw", "packet", "netlink"}) expect_refused(provider, {{"attempt", kind}}, {"EPERM"});
    EXPECT_TRUE(attempt(uncaged(), {{"attempt", "netlink"}}).worked);
}

TEST_F(Confinement, OnlyGrantedTcpPortsAreReached) {
    if (landlock_abi() < 4) GTEST_SKIP() << "Landlock ABI " << landlock_abi() << " knows no ports; 4 is needed";
    Listener granted, other;
    auto provider = open(hostile({{"tcp_ports", {granted.port}}}));
    EXPECT_TRUE(attempt(provider, {{"attempt", "tcp"}, {"port", granted.port}}).worked);
    expect_refused(provider, {{"attempt", "tcp"}, {"port", other.port}}, {"EACCES"});
    expect_refused(provider, {{"attempt", "listen"}, {"port", other.port}}, {"EACCES"});
    EXPECT_TRUE(attempt(open(hostile()), {{"attempt", "tcp"}, {"port", other.port}}).worked) << "who names no port may connect to any";
}

TEST_F(Confinement, TheSocketOfTheOperatorIsClosedToIt) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto path = temporary_.path() / "seedd.sock";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    mode_t before = umask(0177);
    ASSERT_EQ(bind(socket.get(), reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
    umask(before);
    ASSERT_EQ(listen(socket.get(), 1), 0);
    auto provider = open(hostile());
    expect_refused(provider, {{"attempt", "unix"}, {"path", path.string()}}, {"EACCES"});
    EXPECT_TRUE(attempt(uncaged(), {{"attempt", "unix"}, {"path", path.string()}}).worked);
}

TEST_F(Confinement, AForkBombMeetsALimitAndTheHostGoesOn) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: as an ordinary user all of his processes would count";
    auto few = hostile({{"processes", 24}});
    few.uid = uids::plugin_base + 52;   // processes count by user
    auto asked = open(few);
    Attempt result = attempt(asked, {{"attempt", "fork-bomb"}, {"count", 200}});
    EXPECT_FALSE(result.worked);
    EXPECT_EQ(result.seen.at(0), "EAGAIN");
    EXPECT_LT(std::stoi(result.seen.at(1)), 24);
    EXPECT_NO_THROW(ask(asked, "zones"));
    auto other = hostile();
    other.uid = uids::plugin_base + 51;
    other.state_directory = (temporary_.path() / "other").string();
    Attempt usual = attempt(open(other), {{"attempt", "fork-bomb"}, {"count", 3000}});
    EXPECT_FALSE(usual.worked) << "without asking there is a limit too";
    EXPECT_EQ(usual.seen.at(0), "EAGAIN");
}

TEST_F(Confinement, AMemoryBombMeetsALimitAndTheHostGoesOn) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer reserves terabytes of addresses: no limit is set then";
#endif
    auto provider = open(hostile({{"memory_mib", 256}}));
    Attempt result = attempt(provider, {{"attempt", "memory-bomb"}, {"count", 400}});
    EXPECT_FALSE(result.worked);
    EXPECT_EQ(result.seen.at(0), "ENOMEM");
    EXPECT_LT(std::stoi(result.seen.at(1)), 256);
    EXPECT_NO_THROW(ask(provider, "zones"));
    EXPECT_TRUE(attempt(uncaged(), {{"attempt", "memory-bomb"}, {"count", 300}}).worked);
}

// A host with a control group; the platform is the test's own.
class ControlGroup : public Confinement {
protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs root: others have no control groups to give";
        if (!Cgroup::available()) GTEST_SKIP() << Cgroup::unavailable_reason();
    }
    void TearDown() override {
        for (auto &provider : opened_) provider->shut_down();
        if (geteuid() == 0 && Cgroup::available()) Cgroup::remove_owner(platform_);
    }
    ProviderSettings grouped(json needs, const std::string &state = "hostile", unsigned uid = uids::plugin_base + 60) {
        auto given = hostile(std::move(needs));
        given.platform = platform_;
        given.uid = uid;
        given.state_directory = (temporary_.path() / state).string();
        return given;
    }
    std::string limit(const std::string &group, const char *file_v1, const char *file_v2) {
        Cgroup named = Cgroup::named(platform_, group);
        for (const auto &folder : named.folders())
            for (const char *file : {file_v1, file_v2})
                if (auto text = read_file_if_exists(folder / file)) return std::string(trim(*text));
        return "";
    }
    std::string platform_ = "test-" + random_hex(6);
};

TEST_F(ControlGroup, IsMadeWithTheHostHasItsLimitsAndGoesWithIt) {
    auto provider = open(grouped({{"memory_mib", 3000}, {"processes", 40}}));
    auto groups = Cgroup::list(platform_);
    ASSERT_EQ(groups.size(), 1u);
    EXPECT_EQ(groups.at(0).rfind("plugin-hostile-", 0), 0u) << groups.at(0);
    EXPECT_EQ(limit(groups.at(0), "memory.limit_in_bytes", "memory.max"), std::to_string(3000ull << 20));
    EXPECT_EQ(limit(groups.at(0), "pids.max", "pids.max"), "40");
    std::string all = read_file("/proc/" + std::to_string(provider->describe().at("pid").get<int>()) + "/cgroup");
    EXPECT_NE(all.find("seed-" + platform_ + "/" + groups.at(0)), all.npos) << all;
    provider->shut_down();
    EXPECT_THAT(Cgroup::list(platform_), testing::IsEmpty());
}

TEST_F(ControlGroup, EndsWhatTheHostLeavesBehindAlsoInOtherSessions) {
    auto provider = open(grouped({{"processes", 40}}));
    Attempt stays = attempt(provider, {{"attempt", "memory-of-many"}, {"count", 3}, {"mib", 1}, {"keep", true}});
    ASSERT_TRUE(stays.worked);
    auto group = Cgroup::named(platform_, Cgroup::list(platform_).at(0));
    auto members = split(trim(read_file(group.folders().at(0) / "cgroup.procs")), '\n');
    ASSERT_GE(members.size(), 4u) << "the host and its children";
    kill(provider->describe().at("pid").get<int>(), SIGKILL);
    EXPECT_TRUE(eventually([&] { return Cgroup::list(platform_).empty(); })) << "the group is still there";
    for (const auto &pid : members) EXPECT_FALSE(ProcessIdentity::of(std::stoi(std::string(pid)))) << pid << " outlives its host";
    EXPECT_NO_THROW(ask(provider, "zones")) << "the next call starts it again";
}

TEST_F(ControlGroup, MemoryOfManyProcessesTogetherHarmsOnlyThePluginAndTheErrorNamesItAndTheLimit) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer needs more memory than this by itself";
#endif
    auto eater = open(grouped({{"memory_mib", 200}}));
    auto innocent = open(grouped({{"memory_mib", 200}}, "innocent", uids::plugin_base + 61));
    int pid = innocent->describe().at("pid");
    Failure failure = failure_of([&] { ask(eater, "check", {{"attempt", "memory-of-many"}, {"count", 12}, {"mib", 40}, {"fail", true}}); });
    EXPECT_THAT(failure.what(), HasSubstr("hostile"));
    EXPECT_THAT(failure.what(), HasSubstr("together its processes need more than the 200 MiB of memory"));
    EXPECT_NO_THROW(ask(eater, "zones")) << "it is started again, or goes on";
    EXPECT_NO_THROW(ask(innocent, "zones"));
    EXPECT_EQ(innocent->describe().at("pid"), pid);
    auto free = grouped({{"memory_mib", 900}}, "free", uids::plugin_base + 62);
    EXPECT_TRUE(attempt(open(free), {{"attempt", "memory-of-many"}, {"count", 12}, {"mib", 40}}).worked) << "with more it works";
}

TEST_F(ControlGroup, ManyProcessesAreRefusedAndTheErrorNamesTheLimit) {
    Grants few;
    few.processes = 10;
    HostGroup group(platform_, "few", few);
    EXPECT_EQ(group.limits_met(), "");
    SpawnOptions options;   // without a cage: its limit by user would answer first
    options.arguments = {"/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 60 & done 2>/dev/null; exit 0"};
    options.cgroups = group.folders();
    seed::run(options, 60s);
    EXPECT_THAT(group.limits_met(), HasSubstr("more than the 10 processes and threads"));
    EXPECT_EQ(group.limits_met(), "") << "told once";
    group.end();
    EXPECT_THAT(Cgroup::list(platform_), testing::IsEmpty());
}

TEST_F(ControlGroup, ProgramsThatAskToLastOutliveTheHostAndAreFoundInTheSameGroup) {
    auto provider = open(grouped({{"lasting_programs", true}}));
    ASSERT_EQ(Cgroup::list(platform_), std::vector<std::string>{"plugin-hostile.lasting"});
    ASSERT_TRUE(attempt(provider, {{"attempt", "memory-of-many"}, {"count", 1}, {"mib", 1}, {"keep", true}}).worked);
    int host = provider->describe().at("pid");
    kill(host, SIGKILL);
    ASSERT_TRUE(eventually([&] { return provider->describe().at("pid") == 0 || provider->describe().at("state") == "stopped"; }));
    ask(provider, "zones");
    EXPECT_EQ(Cgroup::list(platform_), std::vector<std::string>{"plugin-hostile.lasting"});
    auto members = [&] { return split(trim(read_file(Cgroup::named(platform_, "plugin-hostile.lasting").folders().at(0) / "cgroup.procs")), '\n'); };
    EXPECT_EQ(members().size(), 2u) << "the new host and the program of the old one";
    provider->shut_down();
    EXPECT_EQ(members().size(), 1u);
    Cgroup::named(platform_, "plugin-hostile.lasting").kill();
    HostGroup::sweep(platform_);
    EXPECT_THAT(Cgroup::list(platform_), testing::IsEmpty());
}

TEST_F(ControlGroup, ThoseOfACoreThatDiedAreSweptWithWhatIsInThem) {
    Grants grants;
    HostGroup left(platform_, "gone", grants);
    SpawnOptions options;
    options.arguments = {"/bin/sleep", "600"};
    options.cgroups = left.folders();
    Process process = Process::spawn(options);
    Cgroup other = Cgroup::make(platform_, "vm-not-ours", {});
    HostGroup::sweep(platform_);
    EXPECT_TRUE(process.wait(10s).has_value());
    EXPECT_EQ(Cgroup::list(platform_), std::vector<std::string>{"vm-not-ours"});
}

TEST_F(Confinement, NothingIsInheritedFromTheCore) {
    auto file = temporary_.path() / "of-the-core";
    UniqueFd leak(::open(file.c_str(), O_RDWR | O_CREAT, 0600));   // without CLOEXEC
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    setenv("SEED_CANARY", "secret-of-the-environment", 1);
    auto provider = open(hostile());
    unsetenv("SEED_CANARY");
    Attempt descriptors = attempt(provider, {{"attempt", "descriptors"}});
    EXPECT_THAT(descriptors.seen, testing::IsEmpty());
    for (const std::string &entry : attempt(provider, {{"attempt", "environment"}}).seen) {
        EXPECT_EQ(entry.find("secret-of-the-environment"), std::string::npos);
        std::string name = entry.substr(0, entry.find('='));
        EXPECT_TRUE(name == "PATH" || name == "LANG" || name == "HOME" || name.rfind("SEED_", 0) == 0 || name.ends_with("_OPTIONS")) << name;
    }
}

TEST_F(Confinement, TheCoreIsNeitherTracedNorReadNorSignalled) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: the core is another user's then";
    auto provider = open(hostile());
    expect_refused(provider, {{"attempt", "ptrace"}}, {"EPERM"});
    expect_refused(provider, {{"attempt", "read-memory"}}, {"EPERM"});
    expect_refused(provider, {{"attempt", "signal-core"}}, {"EPERM"});
}

TEST_F(Confinement, PrivilegesAreNotGained) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    struct statvfs disk {};
    ASSERT_EQ(statvfs(temporary_.path().c_str(), &disk), 0);
    auto wanted = hostile();
    auto program = temporary_.path() / "plugins/setuid-id";
    std::filesystem::copy_file("/usr/bin/id", program);
    ASSERT_EQ(chmod(program.c_str(), 04755), 0);
    auto provider = open(wanted);
    expect_refused(provider, {{"attempt", "setuid"}}, {"EPERM"});
    expect_refused(provider, {{"attempt", "no-new-privileges"}}, {"EINVAL"});
    Attempt result = attempt(provider, {{"attempt", "execute"}, {"path", program.string()}, {"argument", "-u"}});
    ASSERT_TRUE(result.worked) << result.seen.at(0);
    EXPECT_EQ(result.seen.at(0), std::to_string(uids::plugin_base + 50)) << "a setuid program made it root";
    if (disk.f_flag & ST_NOSUID) GTEST_SKIP() << temporary_.path() << " is mounted nosuid: the setuid program shows nothing there";
}

TEST_F(Confinement, WhatItWritesCannotBeExecuted) {
    auto provider = open(hostile());
    if (landlock_abi() < 1) GTEST_SKIP() << "no Landlock";
    expect_refused(provider, {{"attempt", "dropped-program"}, {"path", (temporary_.path() / "hostile/program").string()}}, {"EACCES"});
}

TEST_F(Confinement, NamespacesMountsAndKernelInterfacesAreRefused) {
    auto provider = open(hostile());
    for (const char *kind : {"namespace", "mount", "chroot", "bpf", "keys", "module"}) expect_refused(provider, {{"attempt", kind}}, {"EPERM"});
}

TEST_F(Confinement, ASecretIsMaskedHoweverItIsSaid) {
    auto file = temporary_.path() / "stderr";
    auto provider = open(hostile(json::object(), {{"secret", "canary\"of the/test"}}));
    UniqueFd before(dup(2)), captured = open_file(file, O_RDWR | O_CREAT);
    dup2(captured.get(), 2);
    Failure failure = failure_of([&] { ask(provider, "check", {{"attempt", "tell"}}); });
    // Both lines that it printed come through a pipe beside the answer.
    auto lines = [&] {
        std::string text = read_file(file);
        size_t count = 0;
        for (size_t at = 0; (at = text.find("the secret is", at)) != std::string::npos; ++at) ++count;
        return count;
    };
    bool seen = eventually([&] { return lines() >= 3; });
    dup2(before.get(), 2);
    EXPECT_TRUE(seen) << read_file(file);
    EXPECT_THAT(failure.what(), HasSubstr("the secret is ***"));
    EXPECT_EQ(read_file(file).find("canary"), std::string::npos) << read_file(file);
    EXPECT_EQ(std::string(failure.what()).find("canary"), std::string::npos);
}

}  // namespace
}  // namespace seed::providers
