// Many threads, one socket.
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include <seed/util/failure.h>
#include <seed/util/file.h>

#include "core/providers/frame_turns.h"

namespace seed::providers {
namespace {

using namespace std::chrono_literals;

TEST(FrameTurns, EachFrameComesToOneThreadInTheOrderOfTheSocket) {
    constexpr int frames = 2000, threads = 6;
    SocketPair sockets = make_socket_pair();
    FrameTurns turns(sockets.theirs.get());
    std::vector<std::string> seen;   // guarded by the turn
    std::vector<std::thread> readers;
    for (int i = 0; i < threads; ++i)
        readers.emplace_back([&] {
            while (auto frame = turns.take()) {
                seen.push_back(frame->body);
                turns.pass_on();
            }
            turns.end();
        });
    std::string large(70000, 'l');   // comes in several parts
    for (int i = 0; i < frames; ++i) send_frame(sockets.ours.get(), i % 100 == 7 ? large : std::to_string(i));
    sockets.ours.reset();
    for (auto &reader : readers) reader.join();   // the end of the stream wakes all of them
    ASSERT_EQ(seen.size(), static_cast<size_t>(frames));
    for (int i = 0; i < frames; ++i) ASSERT_EQ(seen[static_cast<size_t>(i)], i % 100 == 7 ? large : std::to_string(i));
}

TEST(FrameTurns, WhoeverHasTheTurnIsAlone) {
    SocketPair sockets = make_socket_pair();
    FrameTurns turns(sockets.theirs.get());
    send_frame(sockets.ours.get(), "first");
    send_frame(sockets.ours.get(), "second");
    ASSERT_EQ(turns.take()->body, "first");
    auto other = std::async(std::launch::async, [&] { return turns.take()->body; });
    EXPECT_EQ(other.wait_for(100ms), std::future_status::timeout) << "the turn was not passed on";
    turns.pass_on();
    EXPECT_EQ(other.get(), "second");
}

TEST(FrameTurns, WhatArrivesWhileAnotherOneHasTheTurnComesWhenItIsPassedOn) {
    for (int round = 0; round < 200; ++round) {
        SocketPair sockets = make_socket_pair();
        FrameTurns turns(sockets.theirs.get());
        send_frame(sockets.ours.get(), "first");
        ASSERT_EQ(turns.take()->body, "first");
        auto other = std::async(std::launch::async, [&] { return turns.take()->body; });
        auto sender = std::async(std::launch::async, [&] { send_frame(sockets.ours.get(), "second"); });
        if (round % 2) sender.wait();
        turns.pass_on();
        ASSERT_EQ(other.get(), "second");
    }
}

TEST(FrameTurns, WhatArrivesWhileFramesAreReadAlreadyIsNotForgotten) {
    SocketPair sockets = make_socket_pair();
    FrameTurns turns(sockets.theirs.get());
    for (const char *name : {"a", "b", "c"}) send_frame(sockets.ours.get(), name);
    ASSERT_EQ(turns.take()->body, "a");   // all three are read
    send_frame(sockets.ours.get(), "d");  // its edge comes to whoever gets b
    for (const char *name : {"b", "c", "d"}) {
        turns.pass_on();
        ASSERT_EQ(turns.take()->body, name);
    }
}

TEST(FrameTurns, TheEndBehindAFrameIsSeen) {
    SocketPair sockets = make_socket_pair();
    FrameTurns turns(sockets.theirs.get());
    send_frame(sockets.ours.get(), "last");
    sockets.ours.reset();   // before anybody looks: one edge tells of both
    ASSERT_EQ(turns.take()->body, "last");
    turns.pass_on();
    EXPECT_FALSE(turns.take());
}

TEST(FrameTurns, FramesWithDescriptorsFollowEachOther) {
    constexpr int frames = 20;
    SocketPair sockets = make_socket_pair();
    FrameTurns turns(sockets.theirs.get());
    std::vector<int> one = {sockets.ours.get()};
    for (int i = 0; i < frames; ++i) send_frame(sockets.ours.get(), std::to_string(i), i % 3 ? one : std::vector<int>{});
    for (int i = 0; i < frames; ++i) {   // the kernel ends a read behind descriptors: what follows them makes no edge
        auto frame = turns.take();
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->body, std::to_string(i));
        EXPECT_EQ(frame->descriptors.size(), i % 3 ? 1u : 0u);
        turns.pass_on();
    }
}

TEST(FrameTurns, AFrameInPartsIsPutTogetherByWhoeverIsThere) {
    SocketPair sockets = make_socket_pair();
    FrameTurns turns(sockets.theirs.get());
    std::string bytes("\0\0\0\5whole", 9);
    auto one = std::async(std::launch::async, [&] { return turns.take(); });
    auto other = std::async(std::launch::async, [&] { return turns.take(); });
    for (char byte : bytes) write_all(sockets.ours.get(), std::string(1, byte));
    auto is_ready = [](auto &future) { return future.wait_for(0s) == std::future_status::ready; };
    while (!is_ready(one) && !is_ready(other)) std::this_thread::yield();
    EXPECT_EQ((is_ready(one) ? one : other).get()->body, "whole");
    turns.end();
    EXPECT_FALSE((one.valid() ? one : other).get()) << "nobody has its turn after the end";
    EXPECT_FALSE(turns.take());
}

TEST(FrameTurns, WhatIsMalformedIsToldToOneThread) {
    SocketPair sockets = make_socket_pair();
    FrameTurns turns(sockets.theirs.get());
    write_all(sockets.ours.get(), "\xff\xff\xff\xff");
    EXPECT_THROW(turns.take(), Failure);
    turns.end();
    EXPECT_FALSE(turns.take());
}

}  // namespace
}  // namespace seed::providers
