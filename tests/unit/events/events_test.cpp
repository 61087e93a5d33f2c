#include "core/events/events.h"

#include <gtest/gtest.h>
#include <seed/util/file.h>

#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "core/events/metrics.h"

using namespace seed;
using events::Entry;
using events::Metrics;
using events::Stream;

namespace {

class Events : public testing::Test {
protected:
    asio::io_context context;
    TemporaryDirectory directory{"/tmp", "seed-events-"};
    std::string file = (directory.path() / "events").string();

    std::vector<int64_t> numbers(const Stream &stream, int64_t from) {
        std::vector<int64_t> found;
        for (const auto &entry : stream.read(from, 1000)) found.push_back(entry.seq);
        return found;
    }
};

TEST_F(Events, AreNumberedWithoutGapsAndReadFromAnywhere) {
    Stream stream(context.get_executor(), file);
    for (int i = 0; i < 5; ++i) stream.tell(Entry("pushed", "app"));
    EXPECT_EQ(numbers(stream, 1), (std::vector<int64_t>{1, 2, 3, 4, 5}));
    EXPECT_EQ(numbers(stream, 4), (std::vector<int64_t>{4, 5}));
    EXPECT_EQ(numbers(stream, 6), std::vector<int64_t>{});
    EXPECT_EQ(stream.read(2, 2).back().seq, 3);
}

TEST_F(Events, GoOnAfterARestartAlsoWhenTheLastLineWasCutShort) {
    {
        Stream stream(context.get_executor(), file);
        stream.tell(Entry("exited", "app").on("web").because("killed\nby signal 9").took(12));
        stream.tell(Entry("pushed", "app").at("c0ffee").by("push-1"));
    }
    std::string content = read_file(file);
    write_file(file, content.substr(0, content.size() - 9));  // as a crash leaves it
    Stream stream(context.get_executor(), file);
    ASSERT_EQ(numbers(stream, 1), std::vector<int64_t>{1});
    EXPECT_EQ(stream.read(1, 1)[0].reason, "killed?by signal 9");
    EXPECT_EQ(stream.read(1, 1)[0].instance, "web");
    EXPECT_EQ(stream.read(1, 1)[0].duration_ms, 12);
    stream.tell(Entry("ready", "app"));
    Stream again(context.get_executor(), file);
    EXPECT_EQ(numbers(again, 1), (std::vector<int64_t>{1, 2}));
    EXPECT_EQ(again.read(2, 1)[0].type, "ready");
}

TEST_F(Events, StayBoundedInMemoryAndOnDisk) {
    Stream stream(context.get_executor(), file, /*kept=*/10, /*file_bytes=*/2000);
    for (int i = 0; i < 1000; ++i) stream.tell(Entry("pushed", "app").because(std::string(5000, 'x')));
    EXPECT_EQ(stream.first(), 991);
    EXPECT_EQ(stream.next(), 1001);
    EXPECT_LT(read_file(file).size() + read_file(file + ".old").size(), 8000u);
    Stream again(context.get_executor(), file, 10, 2000);
    EXPECT_EQ(again.next(), 1001);
}

TEST_F(Events, ReadersWaitForNewOnesOrTheirDeadline) {
    Stream stream(context.get_executor(), file);
    std::vector<std::string> seen;
    auto wait = [](Stream &stream, std::vector<std::string> &seen, int64_t from, std::chrono::milliseconds patience) -> Task<void> {
        auto until = Call::Clock::now() + patience;
        co_await stream.wait_for(from, until);
        seen.push_back(stream.next() > from ? "told" : "late");
    };
    asio::co_spawn(context, wait(stream, seen, 1, std::chrono::seconds(60)), asio::detached);
    asio::co_spawn(context, wait(stream, seen, 9, std::chrono::milliseconds(20)), asio::detached);
    asio::post(context, [&] { stream.tell(Entry("pushed", "app")); });
    context.run();
    EXPECT_EQ(seen, (std::vector<std::string>{"told", "late"}));
}

TEST_F(Events, AFullDiskOrALostFolderStopsNobody) {
    Stream stream(context.get_executor(), file, 10, 100);
    std::filesystem::remove_all(directory.path());
    for (int i = 0; i < 50; ++i) stream.tell(Entry("pushed", "app"));
    EXPECT_EQ(stream.next(), 51);
}

TEST_F(Events, GarbageInTheFileIsPassedOver) {
    write_file(file, "{\"seq\":\"x\"}\n[1]\nnull\n{\"seq\":3,\"time_ms\":1,\"type\":\"ready\"}\n{\"seq\":2,\"time_ms\":1,\"type\":\"old\"}\n\x01\xff\n");
    Stream stream(context.get_executor(), file);
    EXPECT_EQ(numbers(stream, 0), std::vector<int64_t>{3});
    EXPECT_EQ(stream.next(), 4);
}

TEST(ExitCause, IsReadFromTheRuntimesSentence) {
    EXPECT_EQ(events::cause_of_exit("QEMU ended: killed by signal 9"), "killed");
    EXPECT_EQ(events::cause_of_exit("the guest's kernel gave up: Attempted to kill init!"), "panic");
    EXPECT_EQ(events::cause_of_exit("the guest's kernel gave up: Out of memory and no killable processes"), "out_of_memory");
    EXPECT_EQ(events::cause_of_exit("the guest switched itself off"), "switched_off");
    EXPECT_EQ(events::cause_of_exit("stopped"), "stopped");
    EXPECT_EQ(events::cause_of_exit(""), "other");
}

TEST(Numbers, AreWrittenAsPrometheusReadsThem) {
    Metrics metrics;
    metrics.add("seed_pushes_total", {{"result", "a\"b\\c\nd"}});
    metrics.observe("seed_boot_ready_seconds", {}, 0.2);
    metrics.observe("seed_boot_ready_seconds", {}, 9999);
    std::string text = metrics.text();
    EXPECT_NE(text.find("seed_pushes_total{result=\"a\\\"b\\\\c\\nd\"} 1\n"), text.npos) << text;
    EXPECT_NE(text.find("# TYPE seed_boot_ready_seconds histogram\n"), text.npos);
    EXPECT_NE(text.find("seed_boot_ready_seconds_bucket{le=\"0.1\"} 0\n"), text.npos);
    EXPECT_NE(text.find("seed_boot_ready_seconds_bucket{le=\"0.25\"} 1\n"), text.npos);
    EXPECT_NE(text.find("seed_boot_ready_seconds_bucket{le=\"+Inf\"} 2\n"), text.npos);
    EXPECT_NE(text.find("seed_boot_ready_seconds_count 2\n"), text.npos);
    EXPECT_THROW(metrics.add("seed_unknown_total"), std::out_of_range);
}

}  // namespace
