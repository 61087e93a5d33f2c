// What holds in both isolations.
#include "fixture.h"

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/text.h>
#include <seed/dns.hpp>
#include <seed/git.hpp>
#include <seed/runtime.hpp>
#include <seed/storage.hpp>

namespace seed::providers {
namespace {

INSTANTIATE_TEST_SUITE_P(, EitherIsolation, testing::Values(Isolation::process, Isolation::inline_),
                         [](auto &info) { return info.param == Isolation::process ? "process" : "inline"; });

TEST_P(EitherIsolation, ACallReturnsTheReplyOfThePlugin) {
    auto provider = open("storage");
    json reply = ask(provider, "create", {{"volume", "s/web/data"}, {"size_bytes", 4096}, {"file_system", "ext4"}});
    EXPECT_EQ(reply["size_bytes"], 4096);
    EXPECT_TRUE(std::filesystem::exists(reply["path"].get<std::string>()));
}

TEST_P(EitherIsolation, TypedCallsTakeAndGiveStructs) {
    auto provider = open("dns", {{"zones", {"seed.example."}}});
    Call call("typed", 60s);
    auto zones = run(provider->ask<dns::ZonesReply>(call, "zones", json::object()));
    EXPECT_THAT(zones.zones, testing::ElementsAre("seed.example."));
}

TEST_P(EitherIsolation, AStreamDeliversEachItemAndReturnsTheLast) {
    auto provider = open("dns", {{"zones", {"z."}}});
    dns::ApplyRequest request{"z.", "seed:test", {{"a.z.", "AAAA", 60, {"::1"}, ""}, {"b.z.", "AAAA", 60, {"::2"}, ""}}};
    ask(provider, "apply", request);
    std::vector<std::string> names;
    CallOptions options;
    options.on_item = [&](const json &item, std::vector<UniqueFd>) { names.push_back(item["name"]); };
    json last = ask(provider, "list", {{"zone", "z."}}, 60s, std::move(options));
    EXPECT_THAT(names, testing::ElementsAre("a.z.", "b.z."));
    EXPECT_EQ(last["owner"], "seed:test");
}

TEST_P(EitherIsolation, DescriptorsTravelWithTheRequest) {
    auto provider = open("git", {{"repositories", {{"app", {{"flake.nix", "{}"}}}}}});
    auto head = ask(provider, "resolve", {{"repository", "app"}, {"ref", ""}}).get<git::ResolveReply>();
    Pipe pipe = make_pipe();
    CallOptions options;
    options.descriptors = {pipe.write.get()};
    auto reply = ask(provider, "fetch", git::FetchRequest{"app", head.commit}, 60s, std::move(options)).get<git::FetchReply>();
    pipe.write.reset();
    EXPECT_EQ(reply.tree, head.tree);
    std::string tar = read_all(pipe.read.get());
    EXPECT_EQ(tar.substr(0, 9), "flake.nix");
    EXPECT_EQ(tar.size(), 512u + 512u + 1024u);
}

TEST_P(EitherIsolation, AConversationSaysItsItemBeforeItEndsAndItsReplyLast) {
    auto provider = open("git");
    ask(provider, "create", {{"repository", "app"}});
    Pipe in = make_pipe(), out = make_pipe(), messages = make_pipe(), report = make_pipe();
    write_all(in.write.get(), R"({"files":{"flake.nix":"{}"},"options":["nowait"]})"
                              "\n");
    std::vector<json> items;
    CallOptions options;
    options.descriptors = {in.read.get(), out.write.get(), messages.write.get(), report.read.get()};
    options.on_item = [&](const json &item, std::vector<UniqueFd>) {
        items.push_back(item);
        // The pusher stays connected until the report ends.
        if (item.contains("updated")) write_all(report.write.get(), "built in 1 s\n"), report.write.reset();
    };
    json last = ask(provider, "serve", git::ServeRequest{"app", "receive-pack"}, 60s, std::move(options));
    ASSERT_EQ(items.size(), 2u);
    EXPECT_EQ(items[0]["updated"]["updates"][0]["ref"], "refs/heads/main");
    EXPECT_EQ(last, json({{"exit_code", 0}}));
    messages.write.reset();
    EXPECT_EQ(read_all(messages.read.get()), "built in 1 s\n");
}

TEST_P(EitherIsolation, AFailureKeepsCodeTextAndWait) {
    auto provider =
        open("dns", {{"fail", {{"zones", {{{"code", 5}, {"times", 2}, {"text", "slow down"}, {"retry_after_ms", 250}}}}}}});
    for (int i = 0; i < 2; ++i) {
        Failure failure = failure_of([&] { ask(provider, "zones"); });
        EXPECT_EQ(failure.code(), Code::limit);
        EXPECT_STREQ(failure.what(), "mock-dns zones: slow down");
        EXPECT_EQ(failure.retry_after_ms(), 250);
    }
    EXPECT_NO_THROW(ask(provider, "zones"));
}

TEST_P(EitherIsolation, AWrongRequestIsInvalidAndNamesTheMember) {
    unsetenv("SEED_CHECK_SCHEMAS");  // so that the plugin itself has to notice
    auto provider = open("dns", {{"zones", {"z."}}});
    json request = {{"zone", "z."}, {"owner", "o"}, {"sets", {{{"name", "a.z."}, {"type", "A"}, {"ttl", -1}}}}};
    Failure failure = failure_of([&] { ask(provider, "apply", request); });
    EXPECT_EQ(failure.code(), Code::invalid);
    EXPECT_THAT(failure.what(), HasSubstr("'sets[0].ttl'"));
}

TEST_P(EitherIsolation, SchemaChecksNoticeAWrongRequestBeforeItIsSent) {
    auto provider = open("dns", {{"zones", {"z."}}});
    Failure failure = failure_of([&] { ask(provider, "apply", {{"zone", 7}, {"owner", "o"}, {"sets", json::array()}}); });
    EXPECT_EQ(failure.code(), Code::internal);
    EXPECT_THAT(failure.what(), HasSubstr("dns.apply request"));
    EXPECT_THAT(failure.what(), HasSubstr("zone"));
}

TEST_P(EitherIsolation, AnExceptionOfAnUnknownTypeIsInternal) {
    auto provider = open("dns", {{"throw", {"zones"}}});
    Failure failure = failure_of([&] { ask(provider, "zones"); });
    EXPECT_EQ(failure.code(), Code::internal);
    EXPECT_NO_THROW(ask(provider, "check"));
}

TEST_P(EitherIsolation, AnUnknownSlotAndASlotThePluginLeavesOutAreUnsupported) {
    auto provider = open("dns");
    EXPECT_EQ(failure_of([&] { ask(provider, "no_such_slot"); }).code(), Code::unsupported);
    EXPECT_EQ(failure_of([&] { ask(provider, "dnssec"); }).code(), Code::unsupported);
}

TEST_P(EitherIsolation, ACancelledCallEndsAtOnceAndThePluginGoesOn) {
    auto provider = open("dns", {{"wait", {"zones"}}});
    Call call("cancel me", 600s);
    auto future = asio::co_spawn(context_, provider->call(call, "zones", json::object(), {}), asio::use_future);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(temporary_.path() / "mock-dns/calls.jsonl"); }));
    call.cancel("the client left");
    ASSERT_TRUE(eventually([&] { return future.wait_for(0s) == std::future_status::ready; }));
    EXPECT_EQ(failure_of([&] { future.get(); }).code(), Code::cancelled);
    EXPECT_NO_THROW(ask(provider, "check"));
    EXPECT_EQ(provider->describe()["restarts"], 0);
}

TEST_P(EitherIsolation, ACallThatStopsAtItsDeadlineIsATimeoutAndThePluginGoesOn) {
    auto provider = open("dns", {{"wait", {"zones"}}});
    EXPECT_EQ(failure_of([&] { ask(provider, "zones", json::object(), 50ms); }).code(), Code::timeout);
    EXPECT_NO_THROW(ask(provider, "check"));
    EXPECT_EQ(provider->describe()["restarts"], 0);
}

TEST_P(EitherIsolation, CallsThatMayNotOverlapWaitForEachOther) {
    auto provider = open("git", {{"delay_ms", {{"list", 100}}}});
    std::vector<std::string> ended;
    Call call("many", 60s);
    auto start = [&](std::string slot, std::string name) {
        asio::co_spawn(context_, provider->call(call, slot, json::object(), {}),
                       [&ended, name](std::exception_ptr, json) { ended.push_back(name); });
    };
    start("list", "first");
    start("list", "second");
    start("check", "third");
    EXPECT_TRUE(eventually([&] { return ended.size() == 3; }));
    EXPECT_THAT(ended, testing::ElementsAre("first", "second", "third"));
}

TEST_P(EitherIsolation, StreamsRunBesideOtherCalls) {
    auto provider = open("runtime");
    std::vector<std::string> ended;
    Call call("many", 60s);
    auto start = [&](std::string slot, json request) {
        asio::co_spawn(context_, provider->call(call, slot, request, {}), [&ended, slot](std::exception_ptr, json) { ended.push_back(slot); });
    };
    start("wait", {{"handle", ""}});  // ends at the cancellation below
    start("list", json::object());
    EXPECT_TRUE(eventually([&] { return ended.size() == 1; }));
    EXPECT_THAT(ended, testing::ElementsAre("list"));
    call.cancel("enough");
    EXPECT_TRUE(eventually([&] { return ended.size() == 2; }));
}

TEST_P(EitherIsolation, AConsumerThatThrowsEndsTheStream) {
    auto provider = open("runtime");
    std::string key(64, 'a');
    ask(provider, "prepare", runtime::PrepareRequest{key, "/x"});
    runtime::StartRequest request;
    request.handle = "s/web/1";
    request.instance = "s/web";
    request.image = key;
    ask(provider, "start", request);
    CallOptions options;
    options.on_item = [](const json &, std::vector<UniqueFd>) { throw std::runtime_error("enough"); };
    EXPECT_THROW(ask(provider, "wait", {{"handle", ""}}, 60s, std::move(options)), std::runtime_error);
    EXPECT_NO_THROW(ask(provider, "check"));
}

TEST_P(EitherIsolation, AWrongConfigurationNamesPluginKeyAndRule) {
    Failure failure = failure_of([&] { open("dns", {{"settle_calls", -1}}); });
    EXPECT_EQ(failure.code(), Code::invalid);
    EXPECT_THAT(failure.what(), HasSubstr("mock-dns"));
    EXPECT_THAT(failure.what(), HasSubstr("settle_calls"));
    failure = failure_of([&] { open("dns", {{"zonse", json::array()}}); });
    EXPECT_EQ(failure.code(), Code::invalid);
    EXPECT_THAT(failure.what(), HasSubstr("zonse"));
}

TEST_P(EitherIsolation, AProviderOfAnotherKindIsRefusedWithBothNames) {
    Failure failure = failure_of([&] { open(settings("storage", "mock-dns")); });
    EXPECT_EQ(failure.code(), Code::invalid);
    EXPECT_THAT(failure.what(), HasSubstr("seed.dns/0"));
    EXPECT_THAT(failure.what(), HasSubstr("storage"));
}

TEST_P(EitherIsolation, AfterShutDownCallsAreUnavailable) {
    auto provider = open("dns");
    provider->shut_down();
    EXPECT_EQ(failure_of([&] { ask(provider, "check"); }).code(), Code::unavailable);
}

TEST_P(EitherIsolation, ACallTooManyIsRefusedAndTheOthersGoOn) {
    constexpr size_t limit = 512;
    auto provider = open("dns", {{"wait", {"list"}}});
    Call call("many", 600s);
    size_t cancelled = 0, refused = 0;
    std::string why;
    auto start = [&] {
        asio::co_spawn(context_, provider->call(call, "list", json{{"zone", "z."}}, {}), [&](std::exception_ptr error, json) {
            Code code = failure_of([&] { std::rethrow_exception(error); }).code();
            if (code == Code::limit) why = failure_of([&] { std::rethrow_exception(error); }).what();
            ++(code == Code::limit ? refused : cancelled);
        });
    };
    for (size_t i = 0; i < limit + 3; ++i) start();
    ASSERT_TRUE(eventually([&] { return refused == 3; }, 300s)) << refused << " were refused";
    EXPECT_THAT(why, HasSubstr("more than 512 calls"));
    call.cancel("enough");   // each of these frames is read although every place is taken
    ASSERT_TRUE(eventually([&] { return cancelled == limit; }, 300s)) << cancelled;
    EXPECT_TRUE(ask(provider, "check").value("ok", false));
}

TEST_P(EitherIsolation, CallsInFlightEndWithUnavailableAtShutDown) {
    auto provider = open("runtime");
    Call call("wait", 600s);
    auto future = asio::co_spawn(context_, provider->call(call, "wait", {{"handle", ""}}, {}), asio::use_future);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(temporary_.path() / "mock-runtime/calls.jsonl"); }));
    provider->shut_down();
    ASSERT_TRUE(eventually([&] { return future.wait_for(0s) == std::future_status::ready; }));
    EXPECT_EQ(failure_of([&] { future.get(); }).code(), Code::unavailable);
}

TEST_P(EitherIsolation, WhatOnlyLooksGoesBeforeTheChangesThatWait) {
    auto provider = open("git", {{"delay_ms", {{"check", 50}}}});   // one call at a time
    Call call("check", 600s);
    std::vector<std::future<json>> changes;
    for (int i = 0; i < 10; ++i)
        changes.push_back(asio::co_spawn(context_, provider->call(call, "check", json::object(), {}), asio::use_future));
    ask(provider, "list");
    for (auto &change : changes) {
        ASSERT_TRUE(eventually([&] { return change.wait_for(0s) == std::future_status::ready; }));
        EXPECT_NO_THROW(change.get());
    }
    std::string slots;   // in the order in which the provider got them
    for (const std::string &line : split(read_file(temporary_.path() / "mock-git/calls.jsonl"), '\n'))
        if (!line.empty()) slots += json::parse(line)["slot"].get<std::string>() + " ";
    EXPECT_LT(slots.find("list"), slots.rfind("check")) << slots;
}

TEST_P(EitherIsolation, ABadMannersPluginHarmsOnlyItsOwnCalls) {
    auto provider = open(settings("dns", "bad-manners"));
    EXPECT_EQ(failure_of([&] { ask(provider, "check"); }).code(), Code::internal);
    EXPECT_EQ(failure_of([&] { ask(provider, "zones"); }).code(), Code::internal);
    unsetenv("SEED_CHECK_SCHEMAS");
    json zone = {{"zone", "z."}, {"owner", "o"}, {"sets", json::array()}};
    EXPECT_EQ(failure_of([&] { ask(provider, "apply", zone); }).code(), Code::internal);
    EXPECT_EQ(failure_of([&] {
                  ask(provider, "ensure_zone", {{"zone", "z."}, {"name_servers", json::array()}});
              }).code(),
              Code::unsupported);
    // The table says it ends before this slot: what lies there is not called.
    EXPECT_EQ(failure_of([&] { ask(provider, "settled", {{"zone", "z."}}); }).code(), Code::unsupported);
    EXPECT_NO_THROW(ask(provider, "remove", zone));
    EXPECT_EQ(provider->describe()["restarts"], 0);
}

}  // namespace
}  // namespace seed::providers
