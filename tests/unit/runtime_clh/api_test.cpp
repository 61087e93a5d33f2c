// The client against tests/fakes/fake_cloud_hypervisor without a machine behind it, well-behaved and not.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/process.h>

#include "plugins/runtime-clh/cloud_hypervisor.h"
#include "plugins/runtime-clh/vm_config.h"

namespace seed::clh {
namespace {

using namespace std::chrono_literals;

class Api : public ::testing::Test {
protected:
    // A fake that misbehaves as told; its API, a pipe of its events.
    ApiClient start(const json &faults = json::array()) {
        process_ = Process();  // the one before
        std::filesystem::remove(folder_.path() / "vsock.sock");
        std::string program = (folder_.path() / "cloud-hypervisor").string();
        std::filesystem::copy_file(SEED_SOURCE_DIR "/tests/fakes/fake_cloud_hypervisor", program, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::permissions(program, std::filesystem::perms(0755));
        write_file(program + ".json", json({{"machine", "none"}, {"faults", faults}}).dump());
        std::string socket = (folder_.path() / "api.sock").string();
        UniqueFd listener = listen_unix(socket);
        Pipe events = make_pipe();
        events_ = std::move(events.read);
        set_nonblocking(events_.get(), true);
        vm::VmSpec spec;
        spec.program = program;
        SpawnOptions options;
        options.arguments = command_line(spec, {3, 4}, false);
        options.environment = {"PATH=/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1"};
        options.directory = folder_.path();
        options.descriptors = {{listener.get(), 3}, {events.write.get(), 4}};
        process_ = Process::spawn(options);
        return ApiClient(socket, [this] { return process_.has_ended(); });
    }
    json config() {
        for (const char *file : {"kernel", "initrd", "store", "modules", "volume"}) write_file(folder_.path() / file, "x");
        vm::VmSpec spec;
        spec.boot.vcpus = 1;
        spec.boot.memory_mib = 128;
        spec.accelerator = "kvm";
        json made = vm_config(spec, {"kernel", "initrd", "store", "modules", {"volume"}}, false);
        made["serial"] = {{"mode", "Null"}};
        return made;
    }
    json net() { return net_config({}); }
    UniqueFd tap() { return open_file("/dev/null", O_RDWR); }
    static json fault(const char *operation, const char *what, int times = 1) { return {{"operation", operation}, {"do", what}, {"times", times}}; }
    // What bring_up() fails with; empty: it does not.
    std::string failure_of(const ApiClient &api, json config, std::chrono::milliseconds patience = 20s) {
        try {
            UniqueFd descriptor = tap();
            bring_up(api, config, net(), descriptor.get(), patience);
            return {};
        } catch (const Failure &failure) {
            return failure.what();
        }
    }
    static json info(const ApiClient &api) { return json::parse(api.get("vm.info", 20s).body); }

    TemporaryDirectory folder_{"/tmp", "seed-clh-"};
    UniqueFd events_;
    Process process_;
};

TEST_F(Api, AMachineIsMadeGetsItsTapAndRuns) {
    ApiClient api = start();
    EXPECT_EQ(api.get("vm.info", 20s).status, 404) << "before it is made";
    EXPECT_EQ(failure_of(api, config()), "");
    json made = info(api);
    EXPECT_EQ(made["state"], "Running");
    EXPECT_EQ(made["config"]["net"].size(), 1u) << "exactly one descriptor came with it";
    EXPECT_EQ(made["config"]["disks"].size(), 3u);
    std::string events(65536, '\0');
    events.resize(static_cast<size_t>(std::max<ssize_t>(0, read(events_.get(), events.data(), events.size()))));
    EXPECT_NE(events.find("\"booted\""), std::string::npos);
    EXPECT_TRUE(api.put("vmm.shutdown", std::nullopt, 20s).ok());
    EXPECT_TRUE(process_.wait(30s));
}

TEST_F(Api, WhatIsRefusedIsToldInTheWordsOfTheOtherSide) {
    ApiClient api = start();
    json wrong = config();
    wrong["disks"][0]["frobnicate"] = true;
    EXPECT_EQ(failure_of(api, wrong),
              "cloud-hypervisor refuses vm.create: 400: Error deserializing JSON: VmConfig.disks: unknown field `frobnicate`");
    json missing = config();
    missing["disks"][2]["path"] = "absent";
    std::string why = failure_of(api, missing);
    EXPECT_NE(why.find("refuses vm.boot: 500"), std::string::npos) << why;
    EXPECT_NE(why.find("No such file"), std::string::npos) << why;
}

TEST_F(Api, AnAnswerThatIsLostIsNotAskedForTwice) {
    for (const char *operation : {"vm.create", "vm.add-net", "vm.boot"}) {
        SCOPED_TRACE(operation);
        ApiClient api = start(json::array({fault(operation, "lose")}));
        EXPECT_EQ(failure_of(api, config()), "");
        EXPECT_EQ(info(api)["state"], "Running");
        EXPECT_EQ(info(api)["config"]["net"].size(), 1u);
    }
}

TEST_F(Api, ARequestThatWasLostIsMadeAgain) {
    ApiClient api = start(json::array({fault("vm.create", "drop"), fault("vm.add-net", "drop"), fault("vm.boot", "drop")}));
    EXPECT_EQ(failure_of(api, config()), "");
    EXPECT_EQ(info(api)["config"]["net"].size(), 1u);
}

TEST_F(Api, OneThatNeverAnswersCostsItsDeadlineAndNoMore) {
    ApiClient api = start(json::array({fault("*", "hang", 9)}));
    std::string why = failure_of(api, config(), 300ms);
    EXPECT_NE(why.find("no answer within 300 ms"), std::string::npos) << why;
}

TEST_F(Api, OneThatDiesIsNotWaitedFor) {
    ApiClient api = start(json::array({fault("vm.boot", "die")}));
    std::string why = failure_of(api, config(), 120s);
    EXPECT_NE(why, "");
    EXPECT_TRUE(process_.wait(30s));
}

TEST_F(Api, HostileAnswersEndInOneSentence) {
    struct Case {
        json fault;
        const char *said;
    };
    json huge = fault("vm.create", "refuse");
    huge["status"] = 400;
    huge["body"] = std::string(1 << 20, 'A') + "\x1b[31m";
    json odd = fault("vm.create", "refuse");
    odd["status"] = 429;
    odd["body"] = {1, {{"a", 2}}, "too\nmany"};
    for (const Case &one : {Case{fault("vm.create", "garbage", 9), ""}, Case{fault("vm.create", "endless", 9), "longer than 4 MiB"},
                            Case{huge, "400: "}, Case{odd, "429: too"}}) {
        SCOPED_TRACE(one.said);
        ApiClient api = start(json::array({one.fault}));
        std::string why = failure_of(api, config());
        EXPECT_NE(why, "");
        EXPECT_NE(why.find(one.said), std::string::npos) << why.substr(0, 400);
        EXPECT_LT(why.size(), 2000u);
        EXPECT_EQ(why.find('\x1b'), std::string::npos);
        EXPECT_EQ(why.find('\n'), std::string::npos);
    }
}

TEST_F(Api, AnInformationThatIsNoneIsNotBelieved) {
    json wrong = fault("vm.info", "refuse", 9);
    wrong["status"] = 200;
    for (const json &body : {json("Running"), json::array({1}), json({{"state", 7}, {"config", 1}}), json({{"state", "Running"}})}) {
        wrong["body"] = body;
        ApiClient api = start(json::array({fault("vm.create", "drop"), wrong}));
        EXPECT_NE(failure_of(api, config()).find("has no state and config"), std::string::npos) << body;
    }
}

TEST_F(Api, NobodyAtTheSocketIsSaidAtOnce) {
    ApiClient api((folder_.path() / "none.sock").string(), {});
    EXPECT_NE(failure_of(api, config()).find("Couldn't connect"), std::string::npos);
    ApiClient far(std::string(200, 'x'), {});
    EXPECT_NE(failure_of(far, config()), "");
}

}  // namespace
}  // namespace seed::clh
