// Real virtual machines, cold, through a plugin that boots such.  Needs root, QEMU, erofs-utils and busybox-static.
//
// For runtime-qemu and for runtime-clh: the latter by cloud-hypervisor where there is one that can run (SEED_TEST_CLOUD_HYPERVISOR names it),
// otherwise by tests/fakes/fake_cloud_hypervisor, which speaks its API and lets QEMU emulate the machine.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <seed/util/cgroup.h>
#include <seed/util/process.h>
#include <seed/util/text.h>

#include "plugins/support/net/net_client.h"
#include "tests/unit/runtime-qemu/driver.h"

namespace seed::testing {
namespace {

namespace fs = std::filesystem;
using Ops = seed_runtime_v0;
const bool clh = std::string_view(SEED_TEST_RUNTIME) == "runtime-clh";
const std::string prefix = "fd5e:ed00:77::/48", service_address = "fd5e:ed00:77:1::5";

std::string output(std::vector<std::string> arguments) {
    SpawnOptions options;
    options.arguments = std::move(arguments);
    options.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    RunResult result = run(options, std::chrono::seconds(60));
    if (!result.status.ok()) throw Failure(Code::internal, options.arguments[0] + ": " + result.err);
    return result.out;
}

class VmRuntime : public ::testing::Test {
protected:
    static bool can_run() { return geteuid() == 0 || getenv("SEED_TEST_AS_USER"); }
    static void SetUpTestSuite() {
        if (!can_run()) return;
        folder_ = new TemporaryDirectory("/tmp", "seed-runtime-");
        fs::permissions(folder_->path(), fs::perms(0711));
        image_ = (folder_->path() / "store.erofs").string();
        fs::path closure = folder_->path() / "tree" / ("00000000000000000000000000000000-hello");
        make_directory(closure.parent_path());
        make_directory(closure / "bin");
        fs::copy_file("/usr/bin/busybox", closure / "bin" / "busybox");
        std::string busybox = "/nix/store/00000000000000000000000000000000-hello/bin/busybox";
        write_file(closure / "init",
                   "#!" + busybox + " sh\nB=" + busybox + "\n" + read_file(SEED_SOURCE_DIR "/tests/unit/runtime-qemu/init.sh"),
                   0755);
        output({"mkfs.erofs", "-T0", "--all-root", image_, closure.parent_path().string()});
        driver_ = new Driver(std::string(SEED_BUILD_DIR) + "/plugins/" SEED_TEST_RUNTIME ".so", state().string(), config());
    }
    static json config_of(const std::string &platform) { return {{"prefix6", prefix}, {"platform", platform}, {"zone", "seed.test"}}; }
    static json config() {
        json config = config_of("test-" + std::to_string(getpid()));
        if (!clh) {
            config["accelerator"] = "tcg";
        } else if (const char *real = getenv("SEED_TEST_CLOUD_HYPERVISOR")) {
            config["cloud_hypervisor"] = real;
        } else {
            fs::path fake = folder_->path() / "cloud-hypervisor";  // where the machine's uid finds it
            if (!fs::exists(fake)) {
                fs::copy_file(SEED_SOURCE_DIR "/tests/fakes/fake_cloud_hypervisor", fake);
                fs::copy_file(SEED_SOURCE_DIR "/tests/fakes/vhost_user_vsock.py", folder_->path() / "vhost_user_vsock.py");
                fs::permissions(fake, fs::perms(0755));
            }
            config["cloud_hypervisor"] = fake.string();
            config["device"] = "/dev/null";
        }
        return config;
    }
    static fs::path state() {
        make_directory(folder_->path() / "state", 0711);
        return folder_->path() / "state";
    }
    static void TearDownTestSuite() {
        if (!folder_) return;
        json left = driver_->call(&Ops::list, {});   // a name: it must outlive the loop
        for (const auto &boot : left["boots"])
            driver_->call(&Ops::destroy, {{"handle", boot["handle"]}});
        try {
            NetClient((state() / "net" / "net.sock").string()).quit();
        } catch (const Failure &) {  // never started
        }
        Cgroup::remove_owner("test-" + std::to_string(getpid()));
        delete driver_;
        delete folder_;
    }
    void SetUp() override {
        if (!can_run()) GTEST_SKIP() << "needs root";
        driver_->call(&Ops::prepare, {{"key", key_}, {"image", image_}});
    }

    static json request(const std::string &name, const std::string &boot, json environment = json::object()) {
        environment.emplace("GREETING", name);
        environment.emplace("LISTEN", "[::]");
        return {{"handle", "s-test/" + name + "/" + boot},
                {"instance", "s-test/" + name},
                {"image", key_},
                {"init", "/nix/store/00000000000000000000000000000000-hello/init"},
                {"desired", "d1"},
                {"memory_mib", 192},
                {"host_name", name},
                {"environment", environment},
                {"expose", {{{"name", "http"}, {"port", 80}, {"protocol", "http"}}}}};
    }
    static bool wait_for(const std::string &handle, const std::string &wanted) {
        return driver_->until(&Ops::wait, {{"handle", handle}}, [&](const json &boot) {
            if (boot["state"] != wanted && boot["state"] == "exited") ADD_FAILURE() << boot;
            return boot["state"] == wanted;
        });
    }
    static json inspect(const std::string &handle) { return driver_->call(&Ops::inspect, {{"handle", handle}}); }
    static bool logged(const std::string &instance, const std::string &text) {
        return driver_->until(&Ops::logs, {{"instance", instance}, {"lines", 0}, {"follow", true}},
                              [&](const json &line) { return line["text"].get<std::string>().find(text) != std::string::npos; });
    }
    // One GET from inside the platform's network; the body.
    static std::string get(const std::string &address) {
        std::string answer;
        std::thread inside([&] {
            for (const UniqueFd &space : NetClient((state() / "net" / "net.sock").string()).namespaces())
                if (setns(space.get(), 0)) return;
            UniqueFd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
            timeval patience{20, 0};
            setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
            setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
            sockaddr_in6 to{};
            to.sin6_family = AF_INET6;
            to.sin6_port = htons(80);
            inet_pton(AF_INET6, address.c_str(), &to.sin6_addr);
            if (connect(socket.get(), reinterpret_cast<sockaddr *>(&to), sizeof to)) {
                answer = std::string("connect: ") + strerror(errno);
                return;
            }
            write_all(socket.get(), "GET / HTTP/1.0\r\n\r\n");
            answer = read_all(socket.get());
        });
        inside.join();
        return answer;
    }
    static json publication(const std::string &instance, const std::string &handle) {
        json services = json::array();
        if (!instance.empty())
            services.push_back({{"instance", instance},
                                {"address", service_address},
                                {"handle", handle},
                                {"expose", {{{"name", "http"}, {"port", 80}, {"protocol", "http"}}}},
                                {"names", {"web"}}});
        return {{"ns", "s-test"}, {"services", services}};
    }
    // One service of the namespace leads to `handle`; an empty instance: nothing is published any more.
    static void publish(const std::string &instance, const std::string &handle) { driver_->call(&Ops::publish, publication(instance, handle)); }
    // Another one each time seed-net takes a state.
    static std::pair<ino_t, int64_t> taken() {
        struct stat status {};
        EXPECT_EQ(stat((state() / "net" / "net-state.json").c_str(), &status), 0);
        return {status.st_ino, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
    }
    static void destroy(const std::string &handle) { driver_->call(&Ops::destroy, {{"handle", handle}}); }

    static inline TemporaryDirectory *folder_ = nullptr;
    static inline Driver *driver_ = nullptr;
    static inline std::string image_;
    static inline const std::string key_ = std::string(64, 'a');
};

TEST_F(VmRuntime, SaysThatItCanRunMachines) {
    json reply = driver_->call(&Ops::check, {});
    EXPECT_TRUE(reply["ok"]) << reply;
    EXPECT_EQ(reply["accelerator"], clh ? "kvm" : "tcg") << reply;
}

TEST_F(VmRuntime, SaysWhatTheHostLacksAndWhatToDo) {
    if (!clh) GTEST_SKIP() << "QEMU emulates what the host lacks";
    fs::path elsewhere = folder_->path() / "lacking";
    make_directory(elsewhere, 0711);
    json lacking = config_of("lacks-" + std::to_string(getpid()));
    lacking["cloud_hypervisor"] = "/nonexistent/cloud-hypervisor";
    lacking["device"] = "/dev/absent";
    json reply = Driver(std::string(SEED_BUILD_DIR) + "/plugins/" SEED_TEST_RUNTIME ".so", elsewhere.string(), lacking).call(&Ops::check, {});
    EXPECT_EQ(reply["ok"], false);
    EXPECT_EQ(reply["accelerator"], "none");
    std::string remarks = reply["remarks"].dump();
    EXPECT_NE(remarks.find("cloud-hypervisor not found at /nonexistent/cloud-hypervisor: install it"), std::string::npos) << remarks;
    EXPECT_NE(remarks.find("there is no /dev/absent: cloud-hypervisor emulates nothing"), std::string::npos) << remarks;
}

TEST_F(VmRuntime, AMachineBootsAnswersStopsInOrderAndLeavesNothing) {
    std::string handle = "s-test/web/b1";
    json started = driver_->call(&Ops::start, request("web", "b1", {{"TRICK", "a\"b $(reboot) `x` \\"}}));
    EXPECT_EQ(started["state"], "starting");
    ASSERT_TRUE(wait_for(handle, "ready"));
    json boot = inspect(handle);
    EXPECT_FALSE(boot["ipv4_only"]);
    publish("s-test/web", handle);
    std::string page = get(service_address);
    EXPECT_NE(page.find("hello from web"), std::string::npos) << page;
    auto stats = driver_->items(&Ops::stats, {{"handle", ""}});
    ASSERT_EQ(stats.size(), 1u);
    EXPECT_EQ(stats[0]["handle"], handle);
    EXPECT_GT(stats[0]["cpu_ms"], 100);
    EXPECT_GT(stats[0]["memory_bytes"], 32 << 20);
    EXPECT_GT(stats[0]["received_bytes"], 50) << "the request for the page";
    EXPECT_GT(stats[0]["sent_bytes"], page.size());
    publish("", "");
    EXPECT_EQ(driver_->call(&Ops::start, request("web", "b1"))["started_ms"], boot["started_ms"])
        << "starting twice is starting once";

    fs::path folder = state() / "vms" / "s-test~web~b1";
    auto qemu = ProcessIdentity::parse(trim(read_file(folder / "qemu"))),
         supervisor = ProcessIdentity::parse(trim(read_file(folder / "pid")));
    ASSERT_TRUE(qemu && qemu->alive() && supervisor && supervisor->alive());
    for (const auto &process : {qemu, supervisor}) {
        std::string status = read_file("/proc/" + std::to_string(process->pid) + "/status");
        EXPECT_NE(status.find("\nCapEff:\t0000000000000000\n"), std::string::npos);
        EXPECT_NE(status.find("\nNoNewPrivs:\t1\n"), std::string::npos);
        EXPECT_NE(status.find("\nSeccomp:\t2\n"), std::string::npos);
        EXPECT_NE(status.find("\nUid:\t67"), std::string::npos) << status;
    }
    EXPECT_NE(fs::read_symlink("/proc/" + std::to_string(qemu->pid) + "/ns/net"), fs::read_symlink("/proc/self/ns/net"));

    driver_->call(&Ops::stop, {{"handle", handle}, {"grace_ms", 20000}});
    json ended = inspect(handle);
    EXPECT_EQ(ended["state"], "exited");
    EXPECT_EQ(ended["reason"], "stopped");
    EXPECT_TRUE(logged("s-test/web", "asked to stop"));
    destroy(handle);
    destroy(handle);
    EXPECT_FALSE(fs::exists(folder));
    EXPECT_FALSE(qemu->alive() || supervisor->alive());
    EXPECT_THROW(inspect(handle), Failure);
    if (Cgroup::available()) {
        EXPECT_TRUE(Cgroup::list("test-" + std::to_string(getpid())).empty());
    }
    EXPECT_TRUE(logged("s-test/web", "asked to stop")) << "the log outlives the boot";
}

TEST_F(VmRuntime, TwoBootsRunSideBySideAndAPublishedServiceLeadsToTheChosenOne) {
    driver_->call(&Ops::start, request("left", "b1"));
    driver_->call(&Ops::start, request("right", "b1"));
    ASSERT_TRUE(wait_for("s-test/left/b1", "ready"));
    ASSERT_TRUE(wait_for("s-test/right/b1", "ready"));
    publish("s-test/left", "s-test/left/b1");
    EXPECT_NE(get(service_address).find("hello from left"), std::string::npos);
    publish("s-test/left", "s-test/right/b1");
    EXPECT_NE(get(service_address).find("hello from right"), std::string::npos);
    publish("s-test/left", "");
    EXPECT_EQ(get(service_address), "connect: Connection refused");
    publish("", "");
    destroy("s-test/left/b1");
    destroy("s-test/right/b1");
}

TEST_F(VmRuntime, KillingTheSupervisorEndsTheMachineAndIsReported) {
    std::string handle = "s-test/victim/b1";
    driver_->call(&Ops::start, request("victim", "b1"));
    ASSERT_TRUE(wait_for(handle, "ready"));
    fs::path folder = state() / "vms" / "s-test~victim~b1";
    auto qemu = ProcessIdentity::parse(trim(read_file(folder / "qemu"))),
         supervisor = ProcessIdentity::parse(trim(read_file(folder / "pid")));
    ASSERT_TRUE(qemu && supervisor);
    UniqueFd end = qemu->open_pidfd();
    std::thread killer([&] { supervisor->signal(SIGKILL); });
    EXPECT_TRUE(driver_->until(&Ops::wait, {{"handle", handle}}, [](const json &boot) { return boot["state"] == "exited"; }));
    killer.join();
    driver_->call(&Ops::stop, {{"handle", handle}});
    pollfd ended{end.get(), POLLIN, 0};
    EXPECT_EQ(poll(&ended, 1, 0), 1) << "QEMU may hold volumes that the next boot was given";
    destroy(handle);
}

TEST_F(VmRuntime, MachinesOutliveSeedNetWhichFindsTheirNetworkAgain) {
    driver_->call(&Ops::start, request("lasting", "b1"));
    ASSERT_TRUE(wait_for("s-test/lasting/b1", "ready"));
    publish("s-test/lasting", "s-test/lasting/b1");
    EXPECT_NE(get(service_address).find("hello from lasting"), std::string::npos);
    auto net = ProcessIdentity::of(NetClient((state() / "net" / "net.sock").string()).hello()["pid"].get<pid_t>());
    ASSERT_TRUE(net && net->kill_and_wait());
    driver_->call(&Ops::recover, {});
    EXPECT_NE(get(service_address).find("hello from lasting"), std::string::npos);
    EXPECT_EQ(inspect("s-test/lasting/b1")["state"], "ready");
    publish("", "");
    destroy("s-test/lasting/b1");
}

TEST_F(VmRuntime, WhatIsPublishedAlreadyIsNotAppliedAgainUntilSeedNetIsAnotherOne) {
    publish("s-test/quiet", "");
    auto once = taken();
    publish("s-test/quiet", "");
    EXPECT_EQ(taken(), once);
    publish("s-test/other", "");
    EXPECT_NE(taken(), once) << "another service";
    auto net = ProcessIdentity::of(NetClient((state() / "net" / "net.sock").string()).hello()["pid"].get<pid_t>());
    ASSERT_TRUE(net && net->kill_and_wait());
    publish("s-test/other", "");
    EXPECT_EQ(get(service_address), "connect: Connection refused") << "the new seed-net knows of it";
    publish("", "");
}

TEST_F(VmRuntime, APublicationThatAPowerFailureLeftInHalfKeepsNothingFromBeingServed) {
    publish("s-test/web", "");
    write_file(state() / "services" / "s-torn.json", "{\"ns\": \"s-to");
    write_file(state() / "services" / "s-empty.json", "");
    UniqueFd net = ProcessIdentity::of(NetClient((state() / "net" / "net.sock").string()).hello()["pid"].get<pid_t>()).value().open_pidfd();
    delete std::exchange(driver_, nullptr);
    pollfd ended{net.get(), POLLIN, 0};
    ASSERT_EQ(poll(&ended, 1, 20000), 1) << "without machines the network ends, too";
    driver_ = new Driver(std::string(SEED_BUILD_DIR) + "/plugins/" SEED_TEST_RUNTIME ".so", state().string(), config());
    driver_->call(&Ops::recover, {});
    EXPECT_EQ(get(service_address), "connect: Connection refused") << "what was whole is known";
    EXPECT_FALSE(fs::exists(state() / "services" / "s-torn.json"));
    EXPECT_FALSE(fs::exists(state() / "services" / "s-empty.json"));
    publish("", "");
}

// At a stop hundreds of publications may wait for their turn; the plugin ends the network only after all of them.
TEST_F(VmRuntime, APublicationThatNobodyWaitsForAnyMoreChangesNothing) {
    publish("s-test/web", "");
    auto before = taken();
    EXPECT_EQ(driver_->cancelled_call(&Ops::publish, publication("s-test/other", "")), Code::cancelled);
    EXPECT_EQ(taken(), before);
    EXPECT_EQ(driver_->call(&Ops::publish, publication("s-test/web", "")), json({{"forwards", json::array()}, {"routes", json::array()}}));
    publish("", "");
}

TEST_F(VmRuntime, AVolumeKeepsItsContentGrowsAndGetsItsOwner) {
    std::string image = (folder_->path() / "volume.img").string();
    { open_file(image, O_CREAT | O_RDWR, 0600); }
    fs::resize_file(image, 40u << 20);
    output({"mkfs.ext4", "-q", "-F", image});
    for (int boot = 1; boot <= 2; ++boot) {
        std::string id = "b" + std::to_string(boot), handle = "s-test/store/" + id;
        json wanted = request("store", id, {{"COUNT", "1"}});
        wanted["volumes"] = {
            {{"name", "data"}, {"path", image}, {"mount_point", "/data"}, {"user", "web"}, {"group", "web"}, {"mode", "0750"}}};
        driver_->call(&Ops::start, wanted);
        EXPECT_TRUE(logged("s-test/store", "boots " + std::to_string(boot)));
        ASSERT_TRUE(wait_for(handle, "ready"));
        EXPECT_TRUE(logged("s-test/store", "owner applied"));
        driver_->call(&Ops::stop, {{"handle", handle}, {"grace_ms", 20000}});
        destroy(handle);
        fs::resize_file(image, 120u << 20);
    }
    std::vector<int> blocks;
    for (const json &line : driver_->items(&Ops::logs, {{"instance", "s-test/store"}, {"lines", 0}}))
        if (std::string text = line["text"]; text.starts_with("blocks ")) blocks.push_back(std::stoi(text.substr(7)));
    ASSERT_EQ(blocks.size(), 2u);
    EXPECT_LT(blocks[0], 45);
    EXPECT_GT(blocks[1], 80);
}

TEST_F(VmRuntime, AServerOnIPv4OnlyIsFlagged) {
    driver_->call(&Ops::start, request("old", "b1", {{"LISTEN", "0.0.0.0"}}));
    ASSERT_TRUE(wait_for("s-test/old/b1", "ready"));
    EXPECT_TRUE(inspect("s-test/old/b1")["ipv4_only"]);
    destroy("s-test/old/b1");
}

TEST_F(VmRuntime, AnInitThatEndsIsReportedWithTheReason) {
    driver_->call(&Ops::start, request("short", "b1", {{"QUIT", "1"}}));
    json last;
    EXPECT_TRUE(driver_->until(&Ops::wait, {{"handle", "s-test/short/b1"}},
                               [&](const json &boot) { return last = boot, boot["state"] == "exited"; }));
    EXPECT_NE(last["reason"].get<std::string>().find("Attempted to kill init"), std::string::npos) << last;
    destroy("s-test/short/b1");
}

TEST_F(VmRuntime, AGuestThatFloodsItsConsoleAndItsChannelHarmsOnlyItself) {
    driver_->call(&Ops::start, request("loud", "b1", {{"FLOOD", "1"}, {"GARBAGE", "1"}}));
    ASSERT_TRUE(wait_for("s-test/loud/b1", "ready"));
    EXPECT_TRUE(logged("s-test/loud", "flood flood"));
    fs::path run = state() / "vms" / "s-test~loud~b1" / "run";
    uintmax_t bytes = 0;
    for (const auto &entry : fs::directory_iterator(run))
        if (entry.is_regular_file()) bytes += entry.file_size();
    EXPECT_LE(bytes, (2u << 20) + 32768);
    EXPECT_EQ(inspect("s-test/loud/b1")["state"], "ready");
    destroy("s-test/loud/b1");
}

TEST_F(VmRuntime, RefusesWhatCannotBeRun) {
    EXPECT_THROW(driver_->call(&Ops::start, request("bad", "b1", {{"A", "one\nB=two"}})), Failure);
    EXPECT_THROW(driver_->call(&Ops::start, request("bad", "b1", {{"A B", "x"}})), Failure);
    json unknown = request("bad", "b1");
    unknown["image"] = std::string(64, 'b');
    EXPECT_THROW(driver_->call(&Ops::start, unknown), Failure);
    json crooked = request("bad", "b1");
    crooked["volumes"] = {{{"name", "data"}, {"path", "/dev/null"}, {"mount_point", "/data/../etc"}}};
    EXPECT_THROW(driver_->call(&Ops::start, crooked), Failure);
    EXPECT_FALSE(fs::exists(state() / "vms" / "s-test~bad~b1"));
    EXPECT_THROW(driver_->call(&Ops::prepare, {{"key", std::string(64, 'c')}, {"image", "/etc/passwd"}}), Failure);
}

}  // namespace
}  // namespace seed::testing
