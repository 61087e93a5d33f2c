// What only a process of its own can do: die, be ended, be confined.
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>

#include <seed/util/text.h>

namespace seed::providers {
namespace {

using ProcessIsolation = ProviderTest;

TEST_F(ProcessIsolation, ACrashEndsTheCallWithUnavailableAndTheNextCallStartsTheHostAgain) {
    auto provider = open("dns", {{"crash", {{"zones", 1}}}, {"zones", {"kept."}}});
    Failure failure = failure_of([&] { ask(provider, "zones"); });
    EXPECT_EQ(failure.code(), Code::unavailable);
    EXPECT_THAT(failure.what(), HasSubstr("killed by signal 9"));
    EXPECT_EQ(ask(provider, "zones")["zones"], json({"kept."}));
    EXPECT_EQ(provider->describe()["restarts"], 1);
}

TEST_F(ProcessIsolation, ACrashEndsEveryCallInFlight) {
    auto provider = open("runtime", {{"crash", {{"list", 1}}}});
    Call call("wait", 600s);
    auto future = asio::co_spawn(context_, provider->call(call, "wait", {{"handle", ""}}, {}), asio::use_future);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(temporary_.path() / "mock-runtime/calls.jsonl"); }));
    EXPECT_EQ(failure_of([&] { ask(provider, "list"); }).code(), Code::unavailable);
    ASSERT_TRUE(eventually([&] { return future.wait_for(0s) == std::future_status::ready; }));
    EXPECT_EQ(failure_of([&] { future.get(); }).code(), Code::unavailable);
}

TEST_F(ProcessIsolation, AHostKilledWhileIdleIsStartedAgainAtTheNextCall) {
    auto provider = open("dns");
    for (int i = 1; i <= 3; ++i) {
        pid_t pid = provider->describe()["pid"];
        ASSERT_EQ(kill(pid, SIGKILL), 0);
        ASSERT_TRUE(eventually([&] { return provider->describe()["state"] == "stopped"; }));
        EXPECT_NO_THROW(ask(provider, "check"));
        EXPECT_EQ(provider->describe()["restarts"], i);
    }
}

TEST_F(ProcessIsolation, AHangingCallTimesOutAndTheHostIsReplaced) {
    auto provider = open("dns", {{"hang", {"zones"}}});
    pid_t before = provider->describe()["pid"];
    // Long enough for the call to reach the host even on a busy machine: only then is the host to blame.
    EXPECT_EQ(failure_of([&] { ask(provider, "zones", json::object(), 1000ms); }).code(), Code::timeout);
    EXPECT_NO_THROW(ask(provider, "check"));
    EXPECT_NE(provider->describe()["pid"], before);
}

TEST_F(ProcessIsolation, AHangingCallDoesNotCutOffAConversation) {
    auto provider = open("git", {{"hang", {"list"}}, {"repositories", {{"app", {{"f", "1"}}}}}});
    Pipe in = make_pipe(), out = make_pipe(), messages = make_pipe(), report = make_pipe();
    CallOptions options;
    options.descriptors = {in.read.get(), out.write.get(), messages.write.get(), report.read.get()};
    Call call("push", 600s);
    json request = {{"repository", "app"},
                    {"service", "receive-pack"},
                    {"protocol", ""},
                    {"pack_limit_bytes", 0},
                    {"repository_limit_bytes", 0}};
    auto push = asio::co_spawn(context_, provider->call(call, "serve", request, options), asio::use_future);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(temporary_.path() / "mock-git/calls.jsonl"); }));
    EXPECT_EQ(failure_of([&] { ask(provider, "list", json::object(), 50ms); }).code(), Code::timeout);
    report.write.reset();
    write_all(in.write.get(), "{\"files\":{\"f\":\"2\"}}\n");
    ASSERT_TRUE(eventually([&] { return push.wait_for(0s) == std::future_status::ready; }));
    EXPECT_EQ(push.get()["exit_code"], 0);
    EXPECT_NO_THROW(ask(provider, "check"));
}

TEST_F(ProcessIsolation, CallsThatWaitBehindAHangingOneGoOnAfterTheRestart) {
    auto provider = open("git", {{"hang", {"list"}}});  // takes one call at a time
    Call call("behind", 60s), impatient = call.within(50ms);
    auto hanging = asio::co_spawn(context_, provider->call(impatient, "list", json::object(), {}), asio::use_future);
    auto behind = asio::co_spawn(context_, provider->call(call, "check", json::object(), {}), asio::use_future);
    ASSERT_TRUE(eventually([&] { return behind.wait_for(0s) == std::future_status::ready; }));
    EXPECT_TRUE(behind.get()["ok"]);
    EXPECT_EQ(failure_of([&] { hanging.get(); }).code(), Code::timeout);
}

TEST_F(ProcessIsolation, AWaitingCallCanBeCancelledBeforeItsTurn) {
    auto provider = open("git", {{"wait", {"list"}}});
    Call first("first", 600s), second("second", 600s);
    auto one = asio::co_spawn(context_, provider->call(first, "list", json::object(), {}), asio::use_future);
    auto two = asio::co_spawn(context_, provider->call(second, "check", json::object(), {}), asio::use_future);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(temporary_.path() / "mock-git/calls.jsonl"); }));
    second.cancel("left");
    ASSERT_TRUE(eventually([&] { return two.wait_for(0s) == std::future_status::ready; }));
    EXPECT_EQ(failure_of([&] { two.get(); }).code(), Code::cancelled);
    first.cancel("left");
    ASSERT_TRUE(eventually([&] { return one.wait_for(0s) == std::future_status::ready; }));
    EXPECT_EQ(failure_of([&] { one.get(); }).code(), Code::cancelled);
}

TEST_F(ProcessIsolation, AConcurrentProviderAnswersBesideAHangingCall) {
    auto provider = open("dns", {{"hang", {"zones"}}});
    Call forever("forever", 600s), beside("beside", 60s);
    auto hanging = asio::co_spawn(context_, provider->call(forever, "zones", json::object(), {}), asio::use_future);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(temporary_.path() / "mock-dns/calls.jsonl"); }));
    auto answer = asio::co_spawn(context_, provider->call(beside, "check", json::object(), {}), asio::use_future);
    ASSERT_TRUE(eventually([&] { return answer.wait_for(0s) == std::future_status::ready; }));
    EXPECT_TRUE(answer.get()["ok"]);
    EXPECT_EQ(hanging.wait_for(0s), std::future_status::timeout);
    forever.cancel("enough");
    ASSERT_TRUE(eventually([&] { return hanging.wait_for(0s) == std::future_status::ready; }));
    EXPECT_EQ(failure_of([&] { hanging.get(); }).code(), Code::cancelled);
}

TEST_F(ProcessIsolation, AProviderThatCannotStartAnyMoreSaysWhy) {
    auto provider = open("dns", {{"crash", {{"zones", 1}}}});
    setenv("SEED_LIBEXEC", "/nonexistent", 1);
    EXPECT_EQ(failure_of([&] { ask(provider, "zones"); }).code(), Code::unavailable);
    Failure failure = failure_of([&] { ask(provider, "zones"); });
    EXPECT_THAT(failure.what(), HasSubstr("/nonexistent/seed-plugin-host"));
    setenv("SEED_LIBEXEC", SEED_BUILD_DIR "/bin", 1);
    EXPECT_NO_THROW(ask(provider, "zones"));
}

TEST_F(ProcessIsolation, TheHostEndsWhenTheCoreIsGone) {
    auto provider = open("dns");
    pid_t pid = provider->describe()["pid"];
    auto identity = ProcessIdentity::of(pid);
    ASSERT_TRUE(identity);
    provider->shut_down();
    EXPECT_FALSE(identity->alive());
}

TEST_F(ProcessIsolation, AnUnprivilegedHostHasItsUidAndNoCapabilities) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    auto provider = open("dns");
    std::string status = read_file("/proc/" + std::to_string(provider->describe()["pid"].get<pid_t>()) + "/status");
    std::string uid = std::to_string(uids::plugin_base + 50);
    EXPECT_THAT(status, HasSubstr("Uid:\t" + uid + "\t" + uid + "\t" + uid + "\t" + uid));
    EXPECT_THAT(status, HasSubstr("CapEff:\t0000000000000000"));
    EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
}

TEST_F(ProcessIsolation, AsRootAnUnprivilegedPluginNeedsAUid) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    auto wanted = settings("dns", "mock-dns");
    wanted.uid = 0;
    EXPECT_EQ(failure_of([&] { open(wanted); }).code(), Code::invalid);
    wanted.privileged = true;
    auto provider = open(wanted);
    std::string status = read_file("/proc/" + std::to_string(provider->describe()["pid"].get<pid_t>()) + "/status");
    EXPECT_THAT(status, HasSubstr("Uid:\t0\t0\t0\t0"));
}

TEST_F(ProcessIsolation, SecretsAreMaskedInFailures) {
    json config = {{"secret", "hunter2-token"}, {"careless", true},
                   {"fail", {{"zones", {{{"code", 4}, {"text", "the server refuses hunter2-token"}}}}}}};
    auto provider = open("dns", config);
    EXPECT_STREQ(failure_of([&] { ask(provider, "zones"); }).what(), "mock-dns zones: the server refuses ***");
}

TEST_F(ProcessIsolation, WhatAPluginPrintsIsAWarningInTheLog) {
    auto provider = open(settings("dns", "bad-manners"));
    auto file = temporary_.path() / "stderr";
    UniqueFd before(dup(2)), captured = open_file(file, O_RDWR | O_CREAT);
    dup2(captured.get(), 2);
    ask(provider, "remove", {{"zone", "z."}, {"owner", "o"}, {"sets", json::array()}});
    // The line comes through a pipe beside the answer.
    bool seen = eventually([&] { return read_file(file).find("hello from the plugin") != std::string::npos; });
    dup2(before.get(), 2);
    EXPECT_TRUE(seen);
}

class InlineIsolation : public ProviderTest {
protected:
    void SetUp() override { isolation_ = Isolation::inline_; }
};

TEST_F(InlineIsolation, AStuckCallIsATimeoutAndTheProviderSaysThatItIsStuckUntilTheCallReturns) {
    auto provider = open("dns", {{"delay_ms", {{"list", 1}}}, {"zones", {"z."}}});
    // Ignores everything for a while, then returns.
    write_file(temporary_.path() / "mock-dns/script.json", R"({"ignore_ms":{"zones":8000}})");
    EXPECT_EQ(failure_of([&] { ask(provider, "zones", json::object(), 1000ms); }).code(), Code::timeout);
    Failure failure = failure_of([&] { ask(provider, "check"); });
    EXPECT_EQ(failure.code(), Code::unavailable);
    EXPECT_THAT(failure.what(), HasSubstr("inline"));
    ASSERT_TRUE(eventually([&] { return provider->describe()["state"] == "stopped"; }));
    EXPECT_NO_THROW(ask(provider, "check"));
}

}  // namespace
}  // namespace seed::providers
