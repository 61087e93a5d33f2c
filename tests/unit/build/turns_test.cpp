#include "core/build/turns.h"

#include <gmock/gmock.h>

#include <seed/util/failure.h>

using namespace seed;
using build::Lane;
using build::Turns;

namespace {

struct Log {
    std::vector<std::string> lines;
    int running = 0, most = 0;
};

Task<void> work(Turns &turns, Log &log, std::string ns, std::string name, Event &go, Lane lane = Lane::work) {
    Call call(name, std::chrono::minutes(1));
    auto turn = co_await turns.take(call, ns, lane);
    log.lines.push_back(name);
    log.most = std::max(log.most, ++log.running);
    co_await go.wait();
    --log.running;
}

TEST(Turns, OneStepPerNamespaceInOrderAndDifferentOnesSideBySide) {
    asio::io_context context;
    auto executor = context.get_executor();
    Turns turns(executor, 2);
    Log log;
    Event first(executor), second(executor), third(executor), fourth(executor);
    spawn_task(executor, "a1", work(turns, log, "a", "a1", first));
    spawn_task(executor, "a2", work(turns, log, "a", "a2", second));
    spawn_task(executor, "b1", work(turns, log, "b", "b1", third));
    spawn_task(executor, "c1", work(turns, log, "c", "c1", fourth));
    context.poll();
    EXPECT_THAT(log.lines, testing::ElementsAre("a1", "b1"));  // a2 waits for a1, c1 for a free place
    third.set();
    context.poll();
    EXPECT_THAT(log.lines, testing::ElementsAre("a1", "b1", "c1"));
    first.set(), second.set(), fourth.set();
    context.run();
    EXPECT_THAT(log.lines, testing::ElementsAre("a1", "b1", "c1", "a2"));
    EXPECT_EQ(log.most, 2);
}

TEST(Turns, AnOwnerWithManyNamespacesLeavesAPlaceToOthers) {
    asio::io_context context;
    auto executor = context.get_executor();
    auto owner = [](const std::string &ns) { return build::Share{ns.substr(0, 1), 1}; };   // a1, a2, a3: one owner
    Turns turns(executor, 2, owner);
    Log log;
    Event a1(executor), a2(executor), b1(executor);
    spawn_task(executor, "a1", work(turns, log, "a1", "a1", a1));
    spawn_task(executor, "a2", work(turns, log, "a2", "a2", a2));
    context.poll();
    EXPECT_THAT(log.lines, testing::ElementsAre("a1"));   // the other place stays free for somebody else
    spawn_task(executor, "b1", work(turns, log, "b1", "b1", b1));
    context.poll();
    EXPECT_THAT(log.lines, testing::ElementsAre("a1", "b1"));
    a1.set(), a2.set(), b1.set();
    context.run();
}

TEST(Turns, OwnersTakeTurnsHoweverMuchOneOfThemAsksFor) {
    asio::io_context context;
    auto executor = context.get_executor();
    auto owner = [](const std::string &ns) { return build::Share{ns.substr(0, 1), 4}; };
    Turns turns(executor, 1, owner);
    Log log;
    Event go(executor);
    for (std::string name : {"a1", "a2", "a3", "b1", "c1"}) spawn_task(executor, name, work(turns, log, name, name, go));
    context.poll();   // a1 has the place, the others wait
    go.set();
    context.run();
    EXPECT_THAT(log.lines, testing::ElementsAre("a1", "b1", "c1", "a2", "a3"));
}

TEST(Turns, FetchesKeepNoBuildWaitingHoweverManyThereAre) {
    asio::io_context context;
    auto executor = context.get_executor();
    Turns turns(executor, 1);
    Log log;
    Event slow(executor), built(executor);
    std::vector<std::string> fetching;
    for (char name = 'a'; name < char('a' + Turns::fetches_per_work); ++name) fetching.push_back(std::string(1, name));
    for (const auto &name : fetching) spawn_task(executor, name, work(turns, log, name, name, slow, Lane::fetch));
    spawn_task(executor, "x", work(turns, log, "x", "x", slow, Lane::fetch));   // waits for a place among the fetches
    spawn_task(executor, "a build", work(turns, log, "a", "a build", built));   // waits for its own namespace's fetch
    spawn_task(executor, "y", work(turns, log, "y", "y", built));
    context.poll();
    std::vector<std::string> expected = fetching;
    expected.push_back("y");
    EXPECT_EQ(log.lines, expected);
    slow.set(), built.set();
    context.run();
    EXPECT_EQ(log.lines.size(), fetching.size() + 3);
    EXPECT_THAT(log.lines, testing::AllOf(testing::Contains("x"), testing::Contains("a build")));
}

Task<void> wait_cancelled(Turns &turns, Call call, Code &code) {
    try {
        auto turn = co_await turns.take(call, "a");
    } catch (const Failure &failure) {
        code = failure.code();
    }
}

TEST(Turns, WhoIsCancelledWhileWaitingLeavesTheQueue) {
    asio::io_context context;
    auto executor = context.get_executor();
    Turns turns(executor, 1);
    Log log;
    Event first(executor), second(executor);
    spawn_task(executor, "a1", work(turns, log, "a", "a1", first));
    Call call("cancelled", std::chrono::minutes(1));
    Code code = Code::ok;
    spawn_task(executor, "a2", wait_cancelled(turns, call, code));
    spawn_task(executor, "a3", work(turns, log, "a", "a3", second));
    context.poll();
    call.cancel("enough");
    context.poll();
    EXPECT_EQ(code, Code::cancelled);
    first.set(), second.set();
    context.run();
    EXPECT_THAT(log.lines, testing::ElementsAre("a1", "a3"));
}

}  // namespace
