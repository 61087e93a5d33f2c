#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/frame.h>

using namespace seed;
using namespace std::chrono_literals;

namespace {

template <typename Action>
Code code_of(Action action) {
    try {
        action();
    } catch (const Failure &failure) {
        return failure.code();
    }
    return Code::ok;
}

// One raw message with `count` copies of /dev/null beside it.
void send_raw(int socket, std::string bytes, size_t count) {
    UniqueFd null = open_file("/dev/null", O_RDONLY);
    std::vector<int> fds(count, null.get());
    std::vector<char> space(CMSG_SPACE(sizeof(int) * count));
    iovec io{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    message.msg_control = space.data();
    message.msg_controllen = space.size();
    cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(c), fds.data(), sizeof(int) * count);
    ASSERT_EQ(sendmsg(socket, &message, 0), static_cast<ssize_t>(bytes.size()));
}

}  // namespace

TEST(Frame, carries_large_bodies_and_sixteen_descriptors_that_close_on_exec) {
    SocketPair pair = make_socket_pair();
    UniqueFd null = open_file("/dev/null", O_RDONLY);
    std::string body(frame_limit, 'b');
    std::thread sender([&] { send_frame(pair.ours.get(), body, std::vector<int>(16, null.get())); });
    std::optional<Frame> frame = receive_frame(pair.theirs.get(), 100s);
    sender.join();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->body, body);
    ASSERT_EQ(frame->descriptors.size(), 16u);
    EXPECT_EQ(fcntl(frame->descriptors[0].get(), F_GETFD), FD_CLOEXEC);
    send_frame(pair.ours.get(), "");
    EXPECT_EQ(receive_frame(pair.theirs.get())->body, "");
    pair.ours.reset();
    EXPECT_FALSE(receive_frame(pair.theirs.get()));
}

TEST(Frame, refuses_what_is_too_large_on_both_sides) {
    SocketPair pair = make_socket_pair();
    EXPECT_EQ(code_of([&] { send_frame(pair.ours.get(), std::string(frame_limit + 1, 'x')); }), Code::limit);
    EXPECT_EQ(code_of([&] { send_frame(pair.ours.get(), "x", std::vector<int>(17, 0)); }), Code::invalid);
    send_frame(pair.ours.get(), "123456");
    EXPECT_EQ(code_of([&] { receive_frame(pair.theirs.get(), 100s, 5); }), Code::invalid);
}

TEST(Frame, refuses_too_many_and_misplaced_descriptors) {
    SocketPair many = make_socket_pair();
    send_raw(many.ours.get(), std::string("\0\0\0\1x", 5), 17);
    EXPECT_EQ(code_of([&] { receive_frame(many.theirs.get(), 100s); }), Code::invalid);
    SocketPair late = make_socket_pair();
    write_all(late.ours.get(), std::string("\0\0\0\2x", 5));
    send_raw(late.ours.get(), "y", 1);
    EXPECT_EQ(code_of([&] { receive_frame(late.theirs.get(), 100s); }), Code::invalid);
}

TEST(Frame, tells_a_broken_stream_from_its_end_and_from_silence) {
    SocketPair pair = make_socket_pair();
    EXPECT_EQ(code_of([&] { receive_frame(pair.theirs.get(), 10ms); }), Code::timeout);
    write_all(pair.ours.get(), std::string("\0\0\0", 3));
    EXPECT_EQ(code_of([&] { receive_frame(pair.theirs.get(), 10ms); }), Code::timeout);
    write_all(pair.ours.get(), std::string("\0\0\0\7ab", 6));
    pair.ours.reset();
    EXPECT_EQ(code_of([&] { receive_frame(pair.theirs.get(), 100s); }), Code::invalid);
    EXPECT_EQ(code_of([&] { send_frame(pair.theirs.get(), "x"); }), Code::unavailable);
}

TEST(UnixSocket, works_with_long_paths_and_replaces_stale_files) {
    TemporaryDirectory temporary("/tmp");
    std::string folder = temporary.path() / std::string(150, 'f');
    make_directory(folder, 0700);
    std::string path = folder + "/socket";
    EXPECT_EQ(code_of([&] { connect_unix(path); }), Code::unavailable);
    {
        UniqueFd listener = listen_unix(path, 0620);
        struct stat status {};
        stat(path.c_str(), &status);
        EXPECT_EQ(status.st_mode & 07777, 0620u);
        UniqueFd client = connect_unix(path);
        EXPECT_EQ(peer_credentials(client.get()).pid, getpid());
        EXPECT_EQ(code_of([&] { listen_unix(path); }), Code::conflict) << "somebody listens there";
    }
    EXPECT_EQ(code_of([&] { connect_unix(path); }), Code::unavailable);
    UniqueFd again = listen_unix(path);
    EXPECT_TRUE(connect_unix(path));
    write_file(folder + "/file", "precious");
    EXPECT_EQ(code_of([&] { listen_unix(folder + "/file"); }), Code::conflict);
    EXPECT_EQ(code_of([&] { connect_unix(folder + "/none/socket"); }), Code::unavailable);
}
