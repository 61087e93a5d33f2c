// A plugin's file is taken up anew while calls are under way, and what happens when the new one does not work.
#include <fcntl.h>

#include "core/providers/manifest.h"
#include "fixture.h"

namespace seed::providers {
namespace {

class Replacing : public ProviderTest {
protected:
    // A copy of a mock that a test may replace.
    ProviderSettings own_copy(json config = json::object()) {
        ProviderSettings given = settings("dns", "mock-dns", std::move(config));
        make_directory(temporary_.path() / "plugins", 0755);
        given.path = (temporary_.path() / "plugins/mock-dns.so").string();
        install(read_file(SEED_BUILD_DIR "/plugins/mock-dns.so", 256u << 20));
        return given;
    }
    void install(const std::string &content) { write_file_atomically(temporary_.path() / "plugins/mock-dns.so", content, 0755); }
    Task<void> restart(std::shared_ptr<Provider> provider, Call call) { co_await provider->restart(call); }
    void restart(const std::shared_ptr<Provider> &provider) {
        auto done = asio::co_spawn(context_, restart(provider, Call("restart", 120s)), asio::use_future);
        ASSERT_TRUE(eventually([&] { return done.wait_for(0s) == std::future_status::ready; }, 120s));
        done.get();
    }
};

TEST_F(Replacing, ANewHostTakesOverAndKeepsTheState) {
    auto provider = open(own_copy());
    ask(provider, "ensure_zone", {{"zone", "made."}, {"name_servers", {"ns."}}});
    pid_t before = provider->describe()["pid"];
    restart(provider);
    EXPECT_NE(provider->describe()["pid"], before);
    EXPECT_EQ(provider->describe()["replacements"], 1);
    EXPECT_EQ(provider->describe()["restarts"], 0) << "nothing went wrong";
    EXPECT_EQ(ask(provider, "zones")["zones"], json({"made."}));
    EXPECT_FALSE(provider->describe().contains("last_end"));
}

TEST_F(Replacing, ACallUnderWayFinishesInTheOldHostAndTheNextOneWaitsForTheNew) {
    auto provider = open(own_copy({{"delay_ms", {{"zones", 1500}}}}));
    pid_t before = provider->describe()["pid"];
    Call call("slow", 60s);
    auto slow = asio::co_spawn(context_, provider->call(call, "zones", json::object(), {}), asio::use_future);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(temporary_.path() / "mock-dns/calls.jsonl"); }));
    auto done = asio::co_spawn(context_, restart(provider, Call("restart", 120s)), asio::use_future);
    auto next = asio::co_spawn(context_, provider->call(call, "check", json::object(), {}), asio::use_future);
    ASSERT_TRUE(eventually([&] { return next.wait_for(0s) == std::future_status::ready && done.wait_for(0s) == std::future_status::ready; }));
    EXPECT_NO_THROW(slow.get());
    EXPECT_TRUE(next.get()["ok"]);
    EXPECT_NO_THROW(done.get());
    EXPECT_NE(provider->describe()["pid"], before);
}

TEST_F(Replacing, AStreamEndsWithUnavailableSoThatItIsAskedAgain) {
    auto provider = open("runtime");
    Call call("wait", 600s);
    auto stream = asio::co_spawn(context_, provider->call(call, "wait", {{"handle", ""}}, {}), asio::use_future);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(temporary_.path() / "mock-runtime/calls.jsonl"); }));
    restart(provider);
    ASSERT_TRUE(eventually([&] { return stream.wait_for(0s) == std::future_status::ready; }));
    EXPECT_EQ(failure_of([&] { stream.get(); }).code(), Code::unavailable);
    EXPECT_NO_THROW(ask(provider, "check"));
}

TEST_F(Replacing, AFileThatDoesNotLoadLeavesTheOldOneRunningAndSaysWhy) {
    auto provider = open(own_copy());
    pid_t before = provider->describe()["pid"];
    install("this is no library");
    Failure failure = failure_of([&] { restart(provider); });
    EXPECT_THAT(failure.what(), HasSubstr("mock-dns"));
    EXPECT_THAT(failure.what(), HasSubstr("the one before it goes on"));
    EXPECT_EQ(provider->describe()["pid"], before);
    EXPECT_NO_THROW(ask(provider, "check"));
    // And when the old one dies meanwhile, what was in use before is started again.
    ASSERT_EQ(kill(before, SIGKILL), 0);
    ASSERT_TRUE(eventually([&] { return provider->describe()["state"] == "stopped"; }));
    EXPECT_NO_THROW(ask(provider, "check"));
    EXPECT_NE(provider->describe()["pid"], before);
}

TEST_F(Replacing, AFileThatLoadsAndDoesNotOpenGivesWayToTheOneBefore) {
    auto provider = open(own_copy());
    install(read_file(SEED_BUILD_DIR "/plugins/bad/bad-opens.so", 256u << 20));
    Failure failure = failure_of([&] { restart(provider); });
    EXPECT_THAT(failure.what(), HasSubstr("never opens"));
    EXPECT_THAT(failure.what(), HasSubstr("the one before it runs again"));
    EXPECT_NO_THROW(ask(provider, "check"));
    EXPECT_EQ(provider->describe()["version"], open("dns")->describe()["version"]);
}

TEST_F(Replacing, OneRestartAtATimeAndNoneOfWhatIsInline) {
    auto provider = open(own_copy({{"delay_ms", {{"zones", 500}}}}));
    auto one = asio::co_spawn(context_, restart(provider, Call("one", 120s)), asio::use_future);
    auto two = asio::co_spawn(context_, restart(provider, Call("two", 120s)), asio::use_future);
    ASSERT_TRUE(eventually([&] { return one.wait_for(0s) == std::future_status::ready && two.wait_for(0s) == std::future_status::ready; }));
    EXPECT_NO_THROW(one.get());
    EXPECT_EQ(failure_of([&] { two.get(); }).code(), Code::conflict);
    isolation_ = Isolation::inline_;
    auto inside = open("dns");
    EXPECT_EQ(failure_of([&] { restart(inside); }).code(), Code::unsupported);
}

}  // namespace
}  // namespace seed::providers
