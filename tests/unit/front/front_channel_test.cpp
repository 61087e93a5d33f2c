// Both ends of the channel between seed-front and seedd, and what seedd does with what somebody else might say on it.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>

#include "core/front/front_link.h"

using namespace seed;
using namespace seed::front;
using namespace std::chrono_literals;

namespace {

Frame frame_of(std::string body, std::vector<UniqueFd> descriptors = {}) { return Frame{std::move(body), std::move(descriptors)}; }

std::vector<UniqueFd> one(UniqueFd fd) {
    std::vector<UniqueFd> list;
    list.push_back(std::move(fd));
    return list;
}

template <typename Action>
std::string refusal_of(Action action) {
    try {
        action();
    } catch (const Failure &failure) {
        return failure.code() == Code::invalid ? failure.what() : "another code: " + std::string(failure.what());
    }
    return "accepted";
}

// A seedd without anything behind it: it remembers who came.
struct Seedd {
    asio::io_context context{1};
    TemporaryDirectory folder{"/tmp", "seed-test-channel-"};
    std::vector<std::pair<ArrivalKind, std::string>> arrived;
    std::vector<UniqueFd> controls;
    std::unique_ptr<FrontLink> link;

    explicit Seedd(size_t connections = 8, bool keep = true, Address ssh = {"127.0.0.1", 0}) {
        write_file(folder.path() / "key", "the host key", 0600);
        FrontSettings settings;
        settings.version = "7";
        settings.addresses["ssh"] = ssh;
        settings.host_key_file = (folder.path() / "key").string();
        settings.limits.connections = connections;
        settings.keep_sockets = keep;
        auto serve = [this](UniqueFd control, ArrivalKind kind, const std::string &remote) {
            arrived.emplace_back(kind, remote);
            controls.push_back(control.duplicate());
            return stay(std::move(control));
        };
        link = std::make_unique<FrontLink>(context.get_executor(), std::move(settings), serve);
    }
    ~Seedd() {
        link->stop();
        controls.clear();
        context.run_for(50ms);
    }
    static Task<void> stay(UniqueFd control) {   // until the peer leaves
        auto executor = co_await asio::this_coro::executor;
        FrameStream stream(executor, std::move(control));
        co_await stream.receive();
    }
    UniqueFd connect() {
        SocketPair pair = make_socket_pair();
        spawn_task(context.get_executor(), "channel", link->serve(std::move(pair.ours)));
        return std::move(pair.theirs);
    }
    bool until(const std::function<bool()> &condition) {
        auto deadline = std::chrono::steady_clock::now() + 60s;
        while (!condition() && std::chrono::steady_clock::now() < deadline) {
            context.restart();
            context.run_one_for(10ms);
        }
        return condition();
    }
    std::optional<Frame> answer(int channel) {
        char byte;
        EXPECT_TRUE(until([&] { return ::recv(channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0; }));
        return receive_frame(channel, 10s);
    }
    UniqueFd greeted() {
        UniqueFd channel = connect();
        send_frame(channel.get(), write_hello({"7", {}}));
        auto frame = answer(channel.get());
        EXPECT_TRUE(frame && read_greeting(*frame).refusal.empty()) << (frame ? frame->body : "the channel was closed");
        return channel;
    }
    bool is_closed(int channel) {
        char byte;
        return until([&] { return ::recv(channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0; });
    }
};

UniqueFd send_arrival(int channel, ArrivalKind kind, const std::string &remote) {
    SocketPair pair = make_socket_pair();
    send_frame(channel, write_arrival(kind, remote), {pair.ours.get()});
    return std::move(pair.theirs);
}

}  // namespace

TEST(FrontChannel, WhatOneEndWritesTheOtherReads) {
    Hello hello{"1.2", {}};
    hello.sockets.push_back({"http", true, listen_on({"127.0.0.1", 0})});
    hello.sockets.push_back({"ssh", false, listen_on({"::1", 0})});
    std::vector<UniqueFd> descriptors;
    for (const auto &socket : hello.sockets) descriptors.push_back(socket.fd.duplicate());
    Hello heard = read_hello(frame_of(write_hello(hello), std::move(descriptors)));
    EXPECT_EQ(heard.version, "1.2");
    ASSERT_EQ(heard.sockets.size(), 2u);
    EXPECT_TRUE(heard.sockets[0].name == "http" && heard.sockets[0].given);
    EXPECT_TRUE(heard.sockets[1].name == "ssh" && !heard.sockets[1].given);
    EXPECT_EQ(listening_address(heard.sockets[1].fd.get()), listening_address(hello.sockets[1].fd.get()));

    SocketPair pair = make_socket_pair();
    Arrival arrival = read_arrival(frame_of(write_arrival(ArrivalKind::session, "fe80::1"), one(std::move(pair.ours))));
    EXPECT_EQ(arrival.kind, ArrivalKind::session);
    EXPECT_EQ(arrival.remote, "fe80::1");
}

TEST(FrontChannel, WhatIsNoArrivalIsRefused) {
    auto control = [] { return one(make_socket_pair().ours); };
    auto refused = [&](const std::string &body, std::vector<UniqueFd> descriptors) {
        return refusal_of([&] { read_arrival(frame_of(body, std::move(descriptors))); });
    };
    SocketPair alive = make_socket_pair();
    EXPECT_EQ(refused(write_arrival(ArrivalKind::session, "192.0.2.1"), one(alive.ours.duplicate())), "accepted");
    for (const char *body : {"", "[]", "7", "null", "{", R"({"arrival":7})", R"({"arrival":{}})", R"({"hello":{"version":"7","sockets":[],"given":[]}})",
                             R"({"arrival":{"kind":"operator","remote":""}})", R"({"arrival":{"kind":"operator_","remote":"192.0.2.1"}})",
                             R"({"arrival":{"kind":3,"remote":""}})", R"({"arrival":{"kind":"session","remote":""}})",
                             R"({"arrival":{"kind":"session","remote":"localhost"}})", R"({"arrival":{"kind":"session","remote":"192.0.2.1 forged"}})",
                             R"({"arrival":{"kind":"session","remote":"192.0.2.1\u001b[2J"}})", R"({"arrival":{"kind":"http","remote":"192.0.2.1"}})",
                             R"({"arrival":{"kind":"session","remote":"192.0.2.1"},"more":1})"})
        EXPECT_NE(refused(body, one(alive.ours.duplicate())), "accepted") << body;
    std::string good = write_arrival(ArrivalKind::http, "");
    EXPECT_NE(refused(good, {}), "accepted");
    EXPECT_NE(refused(good, one(open_file("/dev/null", O_RDWR))), "accepted") << "a file";
    EXPECT_NE(refused(good, one(listen_on({"127.0.0.1", 0}))), "accepted") << "a socket of TCP";
    EXPECT_NE(refused(good, one(UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)))), "accepted") << "a socket that nobody is connected to";
    EXPECT_NE(refused(good, one(UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)))), "accepted") << "a socket of datagrams";
    auto two = control();
    two.push_back(alive.ours.duplicate());
    EXPECT_NE(refused(good, std::move(two)), "accepted");
}

TEST(FrontChannel, WhatIsNoHelloIsRefused) {
    auto refused = [&](const std::string &body, std::vector<UniqueFd> descriptors = {}) {
        return refusal_of([&] { read_hello(frame_of(body, std::move(descriptors))); });
    };
    EXPECT_EQ(refused(R"({"hello":{"version":"7","sockets":[],"given":[]}})"), "accepted");
    for (const char *body : {"{}", R"({"hello":{}})", R"({"hello":{"version":7,"sockets":[],"given":[]}})", R"({"hello":{"version":"7","sockets":{},"given":[]}})",
                             R"({"hello":{"version":"7","sockets":["dns"],"given":[]}})", R"({"hello":{"version":"7","sockets":["ssh"],"given":[]}})",
                             R"({"hello":{"version":"7","sockets":[],"given":["ssh"]}})", R"({"hello":{"version":"7\n","sockets":[],"given":[]}})"})
        EXPECT_NE(refused(body), "accepted") << body;
    std::string ssh = R"({"hello":{"version":"7","sockets":["ssh"],"given":[]}})";
    EXPECT_EQ(refused(ssh, one(listen_on({"127.0.0.1", 0}))), "accepted");
    EXPECT_NE(refused(ssh, one(UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)))), "accepted") << "it does not listen";
    EXPECT_NE(refused(ssh, one(open_file("/dev/null", O_RDWR))), "accepted");
    EXPECT_NE(refused(R"({"hello":{"version":"7","sockets":["ssh","ssh"],"given":[]}})", one(listen_on({"127.0.0.1", 0}))), "accepted");
}

TEST(FrontLink, GivesTheHostKeyAndTheSocketsAndServesWhoComes) {
    Seedd seedd;
    UniqueFd channel = seedd.connect();
    send_frame(channel.get(), write_hello({"7", {}}));
    auto frame = seedd.answer(channel.get());
    ASSERT_TRUE(frame);
    Greeting greeting = read_greeting(*frame);
    EXPECT_EQ(greeting.limits.connections, 8u);
    ASSERT_EQ(greeting.sockets, std::vector<std::string>{"ssh"});
    EXPECT_EQ(read_all(frame->descriptors[0].get()), "the host key");
    EXPECT_EQ(listening_address(frame->descriptors[1].get()).port, seedd.link->port("ssh"));
    UniqueFd session = send_arrival(channel.get(), ArrivalKind::session, "192.0.2.7");
    EXPECT_TRUE(seedd.until([&] { return seedd.arrived.size() == 1; }));
    EXPECT_EQ(seedd.arrived[0], std::pair(ArrivalKind::session, std::string("192.0.2.7")));
}

TEST(FrontLink, ASecondChannelIsRefusedWhileTheFirstLivesAndWelcomeAfterwards) {
    Seedd seedd;
    UniqueFd first = seedd.greeted(), second = seedd.connect();
    send_frame(second.get(), write_hello({"7", {}}));
    auto frame = seedd.answer(second.get());
    ASSERT_TRUE(frame);
    EXPECT_NE(read_greeting(*frame).refusal.find("another seed-front"), std::string::npos);
    EXPECT_TRUE(seedd.is_closed(second.get()));
    UniqueFd session = send_arrival(first.get(), ArrivalKind::session, "192.0.2.7");
    EXPECT_TRUE(seedd.until([&] { return seedd.arrived.size() == 1; })) << "the first one is served on";
    uint16_t port = seedd.link->port("ssh");
    first.reset();
    EXPECT_TRUE(seedd.until([&] { return !seedd.link->has_one(); }));
    seedd.greeted();
    EXPECT_EQ(seedd.link->port("ssh"), port);
}

TEST(FrontLink, WhatIsNotAsAgreedEndsTheChannelAndIsNotServed) {
    const std::string bad[] = {"garbage", "{}", R"({"arrival":{"kind":"operator","remote":""}})", std::string(channel_frame_limit + 1, ' ')};
    for (const auto &body : bad) {
        Seedd seedd;
        UniqueFd channel = seedd.greeted();
        send_frame(channel.get(), body);
        EXPECT_TRUE(seedd.is_closed(channel.get())) << body.substr(0, 40);
        EXPECT_TRUE(seedd.arrived.empty());
        seedd.greeted();   // another one is welcome
    }
    Seedd seedd;
    UniqueFd raw = seedd.connect();
    ASSERT_EQ(::send(raw.get(), "\xff\xff\xff\xff garbage", 12, 0), 12);
    EXPECT_TRUE(seedd.is_closed(raw.get()));
    UniqueFd early = seedd.connect();
    UniqueFd control = send_arrival(early.get(), ArrivalKind::http, "");
    EXPECT_TRUE(seedd.is_closed(early.get())) << "an arrival without a hello";
    EXPECT_TRUE(seedd.arrived.empty());
}

TEST(FrontLink, AFloodOpensNoMoreThanIsAllowed) {
    Seedd seedd(/*connections=*/5);
    UniqueFd channel = seedd.greeted();
    std::vector<UniqueFd> held;
    for (int n = 0; n < 100; ++n) {
        held.push_back(send_arrival(channel.get(), ArrivalKind::session, "192.0.2.7"));
        held.push_back(send_arrival(channel.get(), ArrivalKind::http, ""));
        char byte;
        EXPECT_TRUE(seedd.until([&] { return n < 10 || ::recv(held.back().get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0; })) << "the rest are closed";
    }
    EXPECT_EQ(seedd.arrived.size(), 2u * 5 + 4);
    held.clear();
    seedd.controls.clear();
    UniqueFd later = send_arrival(channel.get(), ArrivalKind::session, "192.0.2.8");
    EXPECT_TRUE(seedd.until([&] { return !seedd.arrived.empty() && seedd.arrived.back().second == "192.0.2.8"; })) << "and room is given back";
}

TEST(FrontLink, ManyWhoSayNothingAreNotKept) {
    Seedd seedd;
    std::vector<UniqueFd> silent;
    for (int n = 0; n < 20; ++n) silent.push_back(seedd.connect());
    EXPECT_TRUE(seedd.is_closed(silent.back().get()));
}

TEST(FrontLink, AnotherVersionAndSocketsOfAnotherAddressAreSentAway) {
    Seedd seedd;
    UniqueFd other = seedd.connect();
    send_frame(other.get(), write_hello({"8", {}}));
    auto frame = seedd.answer(other.get());
    ASSERT_TRUE(frame);
    EXPECT_NE(read_greeting(*frame).refusal.find("of version 8, seedd of 7"), std::string::npos);

    UniqueFd elsewhere = listen_on({"::1", 0}), channel = seedd.connect();
    Hello hello{"7", {}};
    hello.sockets.push_back({"ssh", false, elsewhere.duplicate()});
    send_frame(channel.get(), write_hello(hello), {elsewhere.get()});
    frame = seedd.answer(channel.get());
    ASSERT_TRUE(frame);
    EXPECT_EQ(read_greeting(*frame).release, std::vector<std::string>{"ssh"});

    channel = seedd.connect();   // what the service manager opened is right wherever it listens
    hello.sockets[0].given = true;
    send_frame(channel.get(), write_hello(hello), {elsewhere.get()});
    frame = seedd.answer(channel.get());
    ASSERT_TRUE(frame);
    EXPECT_TRUE(read_greeting(*frame).sockets.empty());
    EXPECT_EQ(seedd.link->port("ssh"), listening_address(elsewhere.get()).port);
}

TEST(FrontLink, WithoutKeepingOpensTheSamePortForTheNextAndSaysWhenItCannot) {
    Seedd seedd(8, /*keep=*/false);
    EXPECT_EQ(seedd.link->port("ssh"), 0);
    UniqueFd first = seedd.greeted();
    uint16_t port = seedd.link->port("ssh");
    EXPECT_NE(port, 0);
    first.reset();
    EXPECT_TRUE(seedd.until([&] { return !seedd.link->has_one(); }));
    UniqueFd taken = listen_on({"127.0.0.1", port}), second = seedd.connect();
    send_frame(second.get(), write_hello({"7", {}}));
    auto frame = seedd.answer(second.get());
    ASSERT_TRUE(frame);
    EXPECT_NE(read_greeting(*frame).refusal.find("is another server there?"), std::string::npos);
    taken.reset();
    seedd.greeted();
    EXPECT_EQ(seedd.link->port("ssh"), port);
}
