#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include <seed/util/failure.h>
#include <seed/util/frame.h>

#include "core/front/client.h"

using namespace seed;
using front::Cancellation;
using front::Client;
using nlohmann::json;

namespace {

struct Wire {
    SocketPair sockets = make_socket_pair();
    Client client{std::move(sockets.ours)};
    json receive() { return json::parse(receive_frame(sockets.theirs.get(), std::chrono::seconds(60))->body); }
    void send(const json &body) { send_frame(sockets.theirs.get(), body.dump()); }
};

Code code_of(const std::function<void()> &work) {
    try {
        work();
    } catch (const Failure &failure) {
        return failure.code();
    }
    return Code::ok;
}

}  // namespace

TEST(FrontClient, AnswersFindTheirRequestsInAnyOrder) {
    Wire wire;
    json first, second;
    std::thread a([&] { first = wire.client.request("a", json::object()); });
    json one = wire.receive();
    std::thread b([&] { second = wire.client.request("b", json::object()); });
    json two = wire.receive();
    wire.send({{"id", two["id"]}, {"ok", 2}});
    wire.send({{"id", one["id"]}, {"ok", 1}});
    a.join();
    b.join();
    EXPECT_EQ(first, 1);
    EXPECT_EQ(second, 2);
}

TEST(FrontClient, AnErrorKeepsItsCodeAndText) {
    Wire wire;
    std::thread peer([&] {
        json request = wire.receive();
        wire.send({{"id", request["id"]}, {"error", {{"code", "denied"}, {"text", "not yours"}, {"retry_after_ms", 7}}}});
    });
    try {
        wire.client.request("restart", json::object());
        FAIL() << "no failure";
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), Code::denied);
        EXPECT_STREQ(failure.what(), "not yours");
        EXPECT_EQ(failure.retry_after_ms(), 7);
    }
    peer.join();
}

TEST(FrontClient, ItemsComeInOrderBeforeTheAnswer) {
    Wire wire;
    std::thread peer([&] {
        json id = wire.receive()["id"];
        for (int i = 0; i < 1000; ++i) wire.send({{"id", id}, {"item", i}});
        wire.send({{"id", id}, {"ok", "end"}});
    });
    int next = 0;
    json end = wire.client.stream("logs", json::object(), [&](const json &item) { EXPECT_EQ(item, next++); });
    EXPECT_EQ(next, 1000);
    EXPECT_EQ(end, "end");
    peer.join();
}

TEST(FrontClient, MoreItemsThanFitInTheBacklogAllArrive) {
    Wire wire;
    std::string big(1 << 20, 'x');
    std::thread peer([&] {
        json id = wire.receive()["id"];
        for (int i = 0; i < 30; ++i) wire.send({{"id", id}, {"item", big}});
        wire.send({{"id", id}, {"ok", 0}});
    });
    int count = 0;
    wire.client.stream("logs", json::object(), [&](const json &) { ++count; });
    EXPECT_EQ(count, 30);
    peer.join();
}

TEST(FrontClient, CancellingEndsTheRequestAndTellsTheOtherSide) {
    Wire wire;
    Cancellation cancel;
    Code code = Code::ok;
    std::thread asker([&] { code = code_of([&] { wire.client.request("git", json::object(), &cancel); }); });
    json request = wire.receive();
    cancel.cancel();
    asker.join();
    EXPECT_EQ(code, Code::cancelled);
    EXPECT_EQ(wire.receive(), (json{{"id", request["id"]}, {"cancel", true}}));
    wire.send({{"id", request["id"]}, {"ok", 1}});  // too late, and harmless
    std::thread peer([&] { wire.send({{"id", wire.receive()["id"]}, {"ok", 2}}); });
    EXPECT_EQ(wire.client.request("b", json::object()), 2);
    peer.join();
}

TEST(FrontClient, ADaemonThatGoesEndsWhatIsInFlightAndWhatComesLater) {
    Wire wire;
    Code code = Code::ok;
    std::thread asker([&] { code = code_of([&] { wire.client.request("a", json::object()); }); });
    wire.receive();
    wire.sockets.theirs.reset();
    asker.join();
    EXPECT_EQ(code, Code::unavailable);
    EXPECT_EQ(code_of([&] { wire.client.request("b", json::object()); }), Code::unavailable);
}

TEST(FrontClient, GarbageFromTheDaemonIsItsEnd) {
    Wire wire;
    std::thread peer([&] {
        wire.receive();
        send_frame(wire.sockets.theirs.get(), "no json");
    });
    EXPECT_EQ(code_of([&] { wire.client.request("a", json::object()); }), Code::unavailable);
    peer.join();
}
