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

TEST(Frame, a_reader_ahead_takes_what_has_arrived_and_gives_each_frame_its_own_descriptors) {
    SocketPair pair = make_socket_pair();
    UniqueFd null = open_file("/dev/null", O_RDONLY), zero = open_file("/dev/zero", O_RDONLY);
    auto inode = [](const UniqueFd &fd) {
        struct stat status {};
        fstat(fd.get(), &status);
        return status.st_ino;
    };
    std::string large(100u << 10, 'l');   // arrives in several parts, so that the next frame is read together with its end
    std::thread sender([&] {
        send_frame(pair.ours.get(), "first");
        send_frame(pair.ours.get(), large, {null.get()});
        send_frame(pair.ours.get(), "third", {zero.get(), null.get()});
        send_frame(pair.ours.get(), "");
        pair.ours.reset();
    });
    FrameReader reader(frame_limit, FrameReader::Reads::ahead);
    std::vector<Frame> frames;
    for (auto progress = reader.step(pair.theirs.get()); progress != FrameReader::Progress::end; progress = reader.step(pair.theirs.get())) {
        if (progress == FrameReader::Progress::complete) {
            EXPECT_TRUE(reader.is_complete());
            frames.push_back(reader.take());
        } else {
            std::this_thread::yield();
        }
    }
    sender.join();
    ASSERT_EQ(frames.size(), 4u);
    EXPECT_EQ(frames[0].body, "first");
    EXPECT_TRUE(frames[0].descriptors.empty());
    EXPECT_EQ(frames[1].body, large);
    ASSERT_EQ(frames[1].descriptors.size(), 1u);
    EXPECT_EQ(inode(frames[1].descriptors[0]), inode(null));
    EXPECT_EQ(frames[2].body, "third");
    ASSERT_EQ(frames[2].descriptors.size(), 2u);
    EXPECT_EQ(inode(frames[2].descriptors[0]), inode(zero));
    EXPECT_EQ(frames[3].body, "");
    EXPECT_FALSE(reader.is_complete());
}

TEST(Frame, a_reader_ahead_refuses_what_the_other_one_refuses) {
    auto code = [](const std::string &first, const std::string &second, size_t descriptors, size_t limit) {
        SocketPair pair = make_socket_pair();
        FrameReader reader(limit, FrameReader::Reads::ahead);
        auto read = [&] {
            while (reader.step(pair.theirs.get()) == FrameReader::Progress::complete) reader.take();
        };
        if (!first.empty()) write_all(pair.ours.get(), first);
        if (Code code = code_of(read); code != Code::ok) return code;
        if (descriptors) send_raw(pair.ours.get(), second, descriptors);
        else write_all(pair.ours.get(), second);
        pair.ours.reset();
        return code_of(read);
    };
    using namespace std::string_literals;
    EXPECT_EQ(code("\0\0\0\2x"s, "y"s, 1, 9), Code::invalid) << "descriptors in the middle of a frame";
    EXPECT_EQ(code(""s, "\0\0\0\1x"s, 17, 9), Code::invalid) << "more than allowed";
    EXPECT_EQ(code("\0\0\0\1x"s, "\0\0\0\7abc"s, 0, 9), Code::invalid) << "ends within the second";
    EXPECT_EQ(code("\0\0\0\1x"s, "\0\0\0\7abcdefg"s, 0, 5), Code::invalid) << "the second is too long";
    EXPECT_EQ(code("\0\0\0\1x"s, "\0\0\0\1y"s, 1, 5), Code::ok);
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
