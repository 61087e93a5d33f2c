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
    for (const std::string path : {std::string("/etc/shadow"), std::string("/proc/1/environ"), std::string("/root/.bashrc"), secret.string(), std::string("/dev/kmsg")})
        expect_refused(provider, {{"attempt", "read"}, {"path", path}}, {"EACCES", "EPERM", "ENOENT"});
    expect_refused(provider, {{"attempt", "read"}, {"path", secret.string()}}, {"EACCES"});
    expect_refused(provider, {{"attempt", "read"}, {"path", "/proc/" + std::to_string(getpid()) + "/mem"}}, {"EACCES"});
    for (const std::string path : {secret.string(), (temporary_.path() / "new").string(), std::string("/tmp/seed-hostile-was-here"), std::string("/etc/passwd")})
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
