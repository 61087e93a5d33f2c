#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <boost/asio/post.hpp>

#include "core/base/async.h"
#include "core/base/frame_stream.h"
#include "core/base/log.h"

using namespace seed;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

// Runs one coroutine to its end on a context of its own and hands on what it throws.
class Loop {
public:
    asio::io_context context;
    asio::any_io_executor executor() { return context.get_executor(); }
    void run(Task<void> task) {
        std::exception_ptr trouble;
        asio::co_spawn(context, std::move(task), [&](std::exception_ptr thrown) {
            trouble = thrown;
            context.stop();
        });
        context.run();
        context.restart();
        if (trouble) std::rethrow_exception(trouble);
    }
};

template <typename Action>
Code code_of(Action action) {
    try {
        action();
    } catch (const Failure &failure) {
        return failure.code();
    }
    return Code::ok;
}

}  // namespace

TEST(Call, gives_parts_a_deadline_that_is_never_later) {
    Call call("c1", 100s);
    EXPECT_EQ(call.within(1000s).deadline(), call.deadline());
    EXPECT_LT(call.within(1s).deadline(), call.deadline());
    EXPECT_EQ(call.within(1s).id(), "c1");
    EXPECT_EQ(code_of([&] { call.check(); }), Code::ok);
    EXPECT_EQ(code_of([&] { call.within(0s).check(); }), Code::timeout);
}

TEST(Call, runs_hooks_once_and_at_once_when_cancelled_already) {
    Call call("c", 100s);
    int ran = 0;
    auto first = call.on_cancel([&] { ++ran; });
    auto forgotten = call.within(1s).on_cancel([&] { ran += 100; });
    forgotten.reset();
    call.within(5s).cancel("changed my mind");
    call.cancel("again");
    EXPECT_EQ(ran, 1);
    auto late = call.on_cancel([&] { ++ran; });
    EXPECT_EQ(ran, 2);
    EXPECT_TRUE(call.cancelled());
    try {
        call.check();
        FAIL();
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), Code::cancelled);
        EXPECT_STREQ(failure.what(), "changed my mind");
    }
}

TEST(Call, tells_progress_to_the_sink_of_the_whole) {
    Call call("c", 100s);
    std::string heard;
    call.progress("nobody listens");
    call.set_progress([&](std::string_view line) { heard += line; });
    call.within(1s).progress("line");
    EXPECT_EQ(heard, "line");
}

TEST(Event, wakes_all_waiters_even_when_cleared_at_once) {
    Loop loop;
    Event event(loop.executor());
    int woken = 0;
    auto waiter = [](Event &event, int &woken) -> Task<void> {
        co_await event.wait();
        ++woken;
    };
    for (int n = 0; n < 3; ++n) spawn_task(loop.executor(), "waiter", waiter(event, woken));
    asio::post(loop.context, [&] {
        event.set();
        event.clear();
    });
    loop.context.run();
    EXPECT_EQ(woken, 3);
    EXPECT_FALSE(event.is_set());
}

TEST(Event, tells_that_the_time_came_first) {
    Loop loop;
    Event event(loop.executor());
    auto body = [](Event &event) -> Task<void> {
        bool happened = co_await event.wait_until(Call::Clock::now() + 5ms);
        EXPECT_FALSE(happened);
        event.set();
        happened = co_await event.wait_until(Call::Clock::now());
        EXPECT_TRUE(happened);
    };
    loop.run(body(event));
}

TEST(Event, that_ends_ends_the_waiting) {
    Loop loop;
    auto event = std::make_unique<Event>(loop.executor());
    Code code = Code::ok;
    auto body = [](Event &event, Code &code) -> Task<void> {
        try {
            co_await event.wait();
        } catch (const Failure &failure) {
            code = failure.code();
        }
    };
    spawn_task(loop.executor(), "waiter", body(*event, code));
    loop.context.poll();
    event.reset();
    loop.context.run();
    EXPECT_EQ(code, Code::cancelled);
}

TEST(WaitForExit, gives_the_status_of_a_child) {
    Loop loop;
    auto body = []() -> Task<void> {
        SpawnOptions options;
        options.arguments = {"sh", "-c", "exit 7"};
        Process process = Process::spawn(options);
        Call call("c", 100s);
        ExitStatus status = co_await wait_for_exit(process, call);
        EXPECT_EQ(status.code, 7);
        EXPECT_FALSE(process.running());
    };
    loop.run(body());
}

TEST(WaitForExit, kills_at_the_deadline_and_at_cancellation) {
    Loop loop;
    auto body = [](bool cancel) -> Task<void> {
        SpawnOptions options;
        options.arguments = {"sleep", "1000"};
        Process process = Process::spawn(options);
        ProcessIdentity identity = ProcessIdentity::of(process.pid()).value();
        Call call("c", cancel ? std::chrono::milliseconds(100s) : 50ms);
        std::thread canceller;
        if (cancel) canceller = std::thread([call] { call.cancel("enough"); });  // from another thread
        Code code = Code::ok;
        try {
            co_await wait_for_exit(process, call);
        } catch (const Failure &failure) {
            code = failure.code();
        }
        if (canceller.joinable()) canceller.join();
        EXPECT_EQ(code, cancel ? Code::cancelled : Code::timeout);
        EXPECT_FALSE(identity.alive());
    };
    loop.run(body(false));
    loop.run(body(true));
}

TEST(RunAsync, captures_output_and_tells_lines_of_stderr) {
    Loop loop;
    auto body = []() -> Task<void> {
        SpawnOptions options;
        options.arguments = {"sh", "-c", "cat; echo one >&2; echo two >&2; printf rest >&2; exit 4"};
        Call call("c", 100s);
        std::vector<std::string> lines;
        std::function<void(std::string_view)> on_line = [&](std::string_view line) { lines.emplace_back(line); };
        std::string input(200000, 'i');
        RunResult result = co_await run_async(options, call, 1u << 20, on_line, input);
        EXPECT_EQ(result.out, input);
        EXPECT_EQ(result.err, "one\ntwo\nrest");
        EXPECT_EQ(result.status.code, 4);
        EXPECT_THAT(lines, ElementsAre("one", "two", "rest"));
    };
    loop.run(body());
}

TEST(RunAsync, says_when_the_deadline_killed_it) {
    Loop loop;
    auto body = []() -> Task<void> {
        SpawnOptions options;
        options.arguments = {"sh", "-c", "echo early; sleep 1000"};
        Call call("c", 300ms);
        RunResult result = co_await run_async(options, call, 1000);
        EXPECT_TRUE(result.timed_out);
        EXPECT_TRUE(result.status.signalled);
    };
    loop.run(body());
}

TEST(RunAsync, throws_when_cancelled) {
    Loop loop;
    Call call("c", 100s);
    auto body = [](Call call) -> Task<void> {
        SpawnOptions options;
        options.arguments = {"sleep", "1000"};
        co_await run_async(options, call, 1000);
    };
    asio::steady_timer timer(loop.context, 50ms);
    timer.async_wait([&](boost::system::error_code) { call.cancel("enough"); });
    EXPECT_EQ(code_of([&] { loop.run(body(call)); }), Code::cancelled);
    EXPECT_EQ(code_of([&] { loop.run(body(call)); }), Code::cancelled) << "cancelled before the start";
}

TEST(RunAsync, stops_at_the_output_limit_and_hands_on_what_the_listener_throws) {
    Loop loop;
    auto body = []() -> Task<void> {
        SpawnOptions options;
        options.arguments = {"yes"};
        Call call("c", 100s);
        RunResult result = co_await run_async(options, call, 5000);
        EXPECT_TRUE(result.overflowed);
        EXPECT_EQ(result.out.size(), 5000u);
        options.arguments = {"sh", "-c", "echo bad >&2; sleep 1000"};
        std::function<void(std::string_view)> on_line = [](std::string_view) { throw Failure(Code::conflict, "no"); };
        co_await run_async(options, call, 5000, on_line);
    };
    EXPECT_EQ(code_of([&] { loop.run(body()); }), Code::conflict);
}

TEST(RunAsync, does_not_wait_for_what_the_program_left_behind) {
    Loop loop;
    auto body = []() -> Task<void> {
        SpawnOptions options;
        options.arguments = {"sh", "-c", "sleep 1000 & echo done"};
        Call call("c", 300s);
        RunResult result = co_await run_async(options, call, 5000);
        EXPECT_EQ(result.out, "done\n");
        EXPECT_FALSE(result.timed_out);
    };
    loop.run(body());
}

TEST(FrameStream, carries_bodies_and_descriptors_in_order) {
    Loop loop;
    SocketPair pair = make_socket_pair();
    auto body = [](asio::any_io_executor executor, SocketPair pair) -> Task<void> {
        FrameStream left(executor, std::move(pair.ours)), right(executor, std::move(pair.theirs));
        Pipe pipe = make_pipe();
        std::vector<int> fds = {pipe.write.get()};
        co_await left.send("first", fds);
        pipe.write.reset();  // the frame has one of its own
        co_await left.send("second");
        std::optional<Frame> frame = co_await right.receive();
        EXPECT_EQ(frame->body, "first");
        EXPECT_EQ(frame->descriptors.size(), 1u);
        write_all(frame->descriptors.at(0).get(), "through");
        frame->descriptors.clear();
        EXPECT_EQ(read_all(pipe.read.get()), "through");
        frame = co_await right.receive();
        EXPECT_EQ(frame->body, "second");
        left.close();
        EXPECT_FALSE(left.is_open());
        frame = co_await right.receive();
        EXPECT_FALSE(frame.has_value());
    };
    loop.run(body(loop.executor(), std::move(pair)));
}

TEST(FrameStream, makes_a_sender_wait_for_a_slow_reader_and_keeps_the_order) {
    Loop loop;
    SocketPair pair = make_socket_pair();
    constexpr int count = 40;
    FrameStream left(loop.executor(), std::move(pair.ours)), right(loop.executor(), std::move(pair.theirs));
    int sent = 0;
    auto writer = [](FrameStream &left, int &sent) -> Task<void> {
        for (; sent < count; ++sent) {
            std::string text(256u << 10, static_cast<char>('a' + sent % 26));
            co_await left.send(text);
        }
    };
    spawn_task(loop.executor(), "writer", writer(left, sent));
    loop.context.poll();
    EXPECT_GT(sent, 0);
    EXPECT_LT(sent, count) << "nothing held the writer back";
    auto reader = [](FrameStream &right) -> Task<void> {
        for (int n = 0; n < count; ++n) {
            std::optional<Frame> frame = co_await right.receive();
            EXPECT_EQ(frame->body.size(), 256u << 10);
            EXPECT_EQ(frame->body[0], static_cast<char>('a' + n % 26));
        }
    };
    loop.run(reader(right));
    EXPECT_EQ(left.waiting_bytes(), 0u);
}

TEST(FrameStream, refuses_to_queue_without_end) {
    Loop loop;
    SocketPair pair = make_socket_pair();
    FrameStream left(loop.executor(), std::move(pair.ours));
    std::string big(4u << 20, 'x');
    Code code = code_of([&] {
        for (int n = 0; n < 40; ++n) Task<void> queued = left.send(big);
    });
    EXPECT_EQ(code, Code::limit);
    EXPECT_LE(left.waiting_bytes(), (64u << 20) + 100);
}

TEST(FrameStream, ends_waiting_receivers_and_senders_when_closed) {
    Loop loop;
    SocketPair pair = make_socket_pair();
    FrameStream left(loop.executor(), std::move(pair.ours));
    int ended = 0;
    auto receiver = [](FrameStream &left, int &ended) -> Task<void> {
        std::optional<Frame> frame = co_await left.receive();
        EXPECT_FALSE(frame.has_value());
        ++ended;
    };
    auto sender = [](FrameStream &left, int &ended) -> Task<void> {
        std::string big(4u << 20, 'x');
        Code code = Code::ok;
        try {
            co_await left.send(big);
        } catch (const Failure &failure) {
            code = failure.code();
        }
        EXPECT_EQ(code, Code::unavailable);
        ++ended;
    };
    spawn_task(loop.executor(), "receiver", receiver(left, ended));
    spawn_task(loop.executor(), "sender", sender(left, ended));
    loop.context.poll();
    EXPECT_EQ(ended, 0);
    left.close();
    loop.context.run();
    EXPECT_EQ(ended, 2);
}

TEST(FrameStream, may_be_destroyed_while_others_wait_for_it) {
    Loop loop;
    SocketPair pair = make_socket_pair();
    auto left = std::make_unique<FrameStream>(loop.executor(), std::move(pair.ours));
    bool ended = false;
    auto receiver = [](FrameStream &left, bool &ended) -> Task<void> {
        std::optional<Frame> frame = co_await left.receive();
        ended = !frame.has_value();
    };
    spawn_task(loop.executor(), "receiver", receiver(*left, ended));
    loop.context.poll();
    left.reset();
    loop.context.run();
    EXPECT_TRUE(ended);
}

TEST(FrameStream, tells_a_sender_that_the_peer_is_gone_and_still_reads_what_came) {
    Loop loop;
    SocketPair pair = make_socket_pair();
    send_frame(pair.theirs.get(), "last words");
    pair.theirs.reset();
    auto body = [](asio::any_io_executor executor, UniqueFd socket) -> Task<void> {
        FrameStream left(executor, std::move(socket));
        EXPECT_EQ(code_of([&] { Task<void> refused = left.send("hello"); }), Code::unavailable);
        EXPECT_FALSE(left.is_open());
        std::optional<Frame> frame = co_await left.receive();
        EXPECT_EQ(frame->body, "last words");
        frame = co_await left.receive();
        EXPECT_FALSE(frame.has_value());
    };
    loop.run(body(loop.executor(), std::move(pair.ours)));
}

TEST(FrameStream, refuses_malformed_frames) {
    Loop loop;
    auto body = [](asio::any_io_executor executor, std::string bytes) -> Task<void> {
        SocketPair pair = make_socket_pair();
        FrameStream left(executor, std::move(pair.ours));
        write_all(pair.theirs.get(), bytes);
        pair.theirs.reset();
        co_await left.receive();
    };
    EXPECT_EQ(code_of([&] { loop.run(body(loop.executor(), "\xff\xff\xff\xff")); }), Code::invalid);
    EXPECT_EQ(code_of([&] { loop.run(body(loop.executor(), std::string("\0\0\0\5ab", 6))); }), Code::invalid);
    EXPECT_EQ(code_of([&] { loop.run(body(loop.executor(), std::string("\0\0", 2))); }), Code::invalid);
}

TEST(Log, writes_one_line_each_without_control_characters) {
    Pipe pipe = make_pipe();
    int saved = dup(2);
    dup2(pipe.write.get(), 2);
    set_log_level(LogLevel::info);
    log(LogLevel::debug, "test", "unseen");
    log_warning("test", "one\x1b[31m\ntwo");
    dup2(saved, 2);
    close(saved);
    pipe.write.reset();
    EXPECT_THAT(read_all(pipe.read.get()),
                testing::MatchesRegex("[0-9TZ:.-]+ warning test: one.\\[31m\n[0-9TZ:.-]+ warning test: two\n"));
}
