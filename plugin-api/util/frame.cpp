#include <seed/util/frame.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>
#include <cerrno>
#include <cstring>

namespace seed {
namespace {

using Clock = std::chrono::steady_clock;
using Deadline = std::optional<Clock::time_point>;

void wait_for(int socket, short events, Deadline deadline) {
    for (;;) {
        int timeout = -1;
        if (deadline) {
            auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
            if (left < 0) left = 0;
            timeout = static_cast<int>(std::min<int64_t>(left, 1 << 30));
        }
        pollfd wanted{socket, events, 0};
        int n = poll(&wanted, 1, timeout);
        if (n > 0) return;
        if (n < 0 && errno != EINTR) fail_errno("cannot wait for the peer");
        if (n == 0) throw Failure(Code::timeout, "the peer did not answer in time");
    }
}

bool peer_is_gone(int error) {
    return error == EPIPE || error == ECONNRESET || error == ENOTCONN || error == ESHUTDOWN;
}

// Descriptors beside the bytes; throws when some did not fit (the kernel has closed those).
void take_descriptors(msghdr &message, std::vector<UniqueFd> &descriptors) {
    for (cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t n = 0; n < count; ++n) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + n * sizeof fd, sizeof fd);
            descriptors.emplace_back(fd);
        }
    }
    if (message.msg_flags & MSG_CTRUNC)
        throw Failure(Code::invalid, "a frame brought more than " + std::to_string(frame_descriptors) +
                                         " descriptors, or this process has no free ones");
}

// At least one byte into [at, at+size); 0 at the end of the stream.
size_t receive_some(int socket, char *at, size_t size, std::vector<UniqueFd> *descriptors, Deadline deadline) {
    for (;;) {
        // Without a deadline a blocking socket simply blocks in recvmsg.
        if (deadline) wait_for(socket, POLLIN, deadline);
        iovec io{at, size};
        alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int) * frame_descriptors)];
        msghdr message{};
        message.msg_iov = &io;
        message.msg_iovlen = 1;
        message.msg_control = space;
        message.msg_controllen = sizeof space;
        ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (deadline ? MSG_DONTWAIT : 0));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            wait_for(socket, POLLIN, deadline);
            continue;
        }
        if (n < 0 && peer_is_gone(errno)) return 0;
        if (n < 0) fail_errno("cannot read from the peer");
        std::vector<UniqueFd> arrived;
        take_descriptors(message, arrived);
        if (!arrived.empty()) {
            if (!descriptors || !descriptors->empty())
                throw Failure(Code::invalid, "descriptors arrived in the middle of a frame");
            *descriptors = std::move(arrived);
        }
        return static_cast<size_t>(n);
    }
}

}  // namespace

void send_frame(int socket, std::string_view body, const std::vector<int> &descriptors) {
    if (body.size() > frame_limit)
        throw Failure(Code::limit, "a frame of " + format_size(body.size()) + " is longer than " + format_size(frame_limit));
    if (descriptors.size() > frame_descriptors)
        throw Failure(Code::invalid, "a frame carries at most " + std::to_string(frame_descriptors) + " descriptors");
    auto size = static_cast<uint32_t>(body.size());
    unsigned char header[4] = {static_cast<unsigned char>(size >> 24), static_cast<unsigned char>(size >> 16),
                               static_cast<unsigned char>(size >> 8), static_cast<unsigned char>(size)};
    alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int) * frame_descriptors)] = {};
    size_t done = 0, total = sizeof header + body.size();
    while (done < total) {
        iovec io[2];
        int parts = 0;
        if (done < sizeof header) io[parts++] = {header + done, sizeof header - done};
        size_t skip = done > sizeof header ? done - sizeof header : 0;
        if (skip < body.size()) io[parts++] = {const_cast<char *>(body.data()) + skip, body.size() - skip};
        msghdr message{};
        message.msg_iov = io;
        message.msg_iovlen = static_cast<size_t>(parts);
        if (done == 0 && !descriptors.empty()) {
            message.msg_control = space;
            message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
            cmsghdr *c = CMSG_FIRSTHDR(&message);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
            memcpy(CMSG_DATA(c), descriptors.data(), sizeof(int) * descriptors.size());
        }
        ssize_t n = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            wait_for(socket, POLLOUT, std::nullopt);
            continue;
        }
        if (n < 0 && peer_is_gone(errno)) throw Failure(Code::unavailable, "the peer has closed the connection");
        if (n < 0) fail_errno("cannot write to the peer");
        done += static_cast<size_t>(n);
    }
}

std::optional<Frame> receive_frame(int socket, std::optional<std::chrono::milliseconds> patience, size_t limit) {
    Deadline deadline;
    if (patience) deadline = Clock::now() + *patience;
    Frame frame;
    char header[4];
    for (size_t done = 0; done < sizeof header;) {
        size_t n = receive_some(socket, header + done, sizeof header - done, done == 0 ? &frame.descriptors : nullptr, deadline);
        if (n == 0 && done == 0) return std::nullopt;
        if (n == 0) throw Failure(Code::invalid, "the stream ended within a frame");
        done += n;
    }
    size_t size = 0;
    for (char c : header) size = size << 8 | static_cast<unsigned char>(c);
    if (size > limit)
        throw Failure(Code::invalid,
                      "the peer announced a frame of " + format_size(size) + ", allowed are " + format_size(limit));
    // Memory follows what has arrived, not what was announced.
    while (frame.body.size() < size) {
        size_t at = frame.body.size(), room = std::min<size_t>(size - at, 64u << 10);
        frame.body.resize(at + room);
        size_t n = receive_some(socket, frame.body.data() + at, room, nullptr, deadline);
        if (n == 0) throw Failure(Code::invalid, "the stream ended within a frame");
        frame.body.resize(at + n);
    }
    return frame;
}

namespace {

// An address for a path of any length: longer ones go through a descriptor of their folder, which must stay open.
struct UnixAddress {
    sockaddr_un address{};
    UniqueFd folder;

    explicit UnixAddress(const std::filesystem::path &path) {
        address.sun_family = AF_UNIX;
        std::string text = path.string();
        if (text.size() >= sizeof address.sun_path) {
            folder = open_file(path.has_parent_path() ? path.parent_path() : ".", O_PATH | O_DIRECTORY);
            text = "/proc/self/fd/" + std::to_string(folder.get()) + "/" + path.filename().string();
        }
        if (text.size() >= sizeof address.sun_path)
            throw Failure(Code::invalid, "the name of the socket " + path.string() + " is too long; use one under 80 bytes");
        memcpy(address.sun_path, text.c_str(), text.size() + 1);
    }
    const sockaddr *get() const { return reinterpret_cast<const sockaddr *>(&address); }
};

UniqueFd unix_socket() {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail_errno("cannot make a socket");
    return UniqueFd(fd);
}

}  // namespace

UniqueFd listen_unix(const std::string &path, int mode, int backlog) {
    struct stat status {};
    if (!lstat(path.c_str(), &status)) {
        if (!S_ISSOCK(status.st_mode))
            throw Failure(Code::conflict, path + " exists and is no socket; remove it or choose another path");
        UniqueFd probe = unix_socket();
        UnixAddress there(path);
        if (!connect(probe.get(), there.get(), sizeof there.address))
            throw Failure(Code::conflict, "another process listens on " + path + " already; end it first");
    }
    // Made under another name and renamed: nobody sees it with a wrong mode, and a stale file is replaced in one step.
    std::filesystem::path target(path);
    std::filesystem::path fresh = target.parent_path() / (".s" + random_hex(6));
    UniqueFd fd = unix_socket();
    UnixAddress here(fresh);
    if (bind(fd.get(), here.get(), sizeof here.address)) fail_errno("cannot make the socket " + path);
    if (chmod(fresh.c_str(), static_cast<mode_t>(mode)) || listen(fd.get(), backlog) || rename(fresh.c_str(), path.c_str())) {
        int error = errno;
        unlink(fresh.c_str());
        fail_errno("cannot listen on " + path, error);
    }
    return fd;
}

UniqueFd connect_unix(const std::string &path) {
    UniqueFd fd = unix_socket();
    std::optional<UnixAddress> there;
    try {
        there.emplace(path);
    } catch (const Failure &failure) {
        if (failure.code() != Code::not_found) throw;
        throw Failure(Code::unavailable, "nobody listens on " + path + ": " + failure.what());
    }
    while (connect(fd.get(), there->get(), sizeof there->address)) {
        if (errno == EINTR) continue;
        if (errno == EACCES || errno == EPERM) fail_errno("cannot connect to " + path);
        throw Failure(Code::unavailable, "nobody listens on " + path + ": " + strerror(errno));
    }
    return fd;
}

PeerCredentials peer_credentials(int socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size)) fail_errno("cannot ask who the peer is");
    return {peer.pid, peer.uid, peer.gid};
}

}  // namespace seed
