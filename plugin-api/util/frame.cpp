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

constexpr size_t header_size = 4;

}  // namespace

size_t FrameReader::announced(size_t at) const {
    size_t size = 0;
    for (size_t i = 0; i < header_size; ++i) size = size << 8 | static_cast<unsigned char>(bytes_[at + i]);
    return size;
}

bool FrameReader::is_complete() const {
    return bytes_.size() >= header_size && bytes_.size() - header_size >= announced(0);
}

// The kernel ends a read behind the bytes that brought descriptors, and they travel with the first byte of their frame: theirs is the last
// frame that begins in what came.
void FrameReader::claim(std::vector<UniqueFd> arrived, size_t before) {
    size_t begin = 0, last = bytes_.size();
    while (begin < bytes_.size()) {
        if (begin >= before) last = begin;
        if (bytes_.size() - begin < header_size) break;
        begin += header_size + announced(begin);
    }
    if (last == bytes_.size()) throw Failure(Code::invalid, "descriptors arrived in the middle of a frame");
    brought_.push_back({last, std::move(arrived)});
}

FrameReader::Progress FrameReader::step(int socket) {
    for (;;) {
        bool in_header = bytes_.size() < header_size;
        size_t size = in_header ? 0 : announced(0);
        if (size > limit_)
            throw Failure(Code::invalid,
                          "the peer announced a frame of " + format_size(size) + ", allowed are " + format_size(limit_));
        if (is_complete()) return Progress::complete;
        char bytes[64u << 10];  // memory follows what has arrived, not what was announced
        size_t missing = (in_header ? header_size : header_size + size) - bytes_.size();
        size_t wanted = reads_ == Reads::ahead ? sizeof bytes : std::min(missing, sizeof bytes);
        iovec io{bytes, wanted};
        alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int) * frame_descriptors)];
        msghdr message{};
        message.msg_iov = &io;
        message.msg_iovlen = 1;
        message.msg_control = space;
        message.msg_controllen = sizeof space;
        ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        drained_ = n < 0 || static_cast<size_t>(n) < wanted;   // epoll(7): a short read is the last one
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Progress::blocked;
        if (n < 0 && !peer_is_gone(errno)) fail_errno("cannot read from the peer");
        if (n <= 0) {
            if (bytes_.empty()) return Progress::end;
            throw Failure(Code::invalid, "the stream ended within a frame");
        }
        std::vector<UniqueFd> arrived;
        take_descriptors(message, arrived);
        size_t before = bytes_.size();
        bytes_.append(bytes, static_cast<size_t>(n));
        if (arrived.empty()) continue;
        drained_ = false;   // it ended behind them
        claim(std::move(arrived), before);
    }
}

Frame FrameReader::take() {
    Frame frame;
    size_t whole = header_size + announced(0);
    if (!brought_.empty() && brought_.front().begin == 0) {
        frame.descriptors = std::move(brought_.front().descriptors);
        brought_.erase(brought_.begin());
    }
    for (Brought &later : brought_) later.begin -= whole;
    if (bytes_.size() == whole) {
        frame.body = std::move(bytes_);
        frame.body.erase(0, header_size);
        bytes_.clear();
    } else {
        frame.body.assign(bytes_, header_size, whole - header_size);
        bytes_.erase(0, whole);
    }
    return frame;
}

FrameWriter::FrameWriter(std::string_view body, const std::vector<int> &descriptors) {
    if (body.size() > frame_limit)
        throw Failure(Code::limit, "a frame of " + format_size(body.size()) + " is longer than " + format_size(frame_limit));
    if (descriptors.size() > frame_descriptors)
        throw Failure(Code::invalid, "a frame carries at most " + std::to_string(frame_descriptors) + " descriptors");
    bytes_.reserve(header_size + body.size());
    for (int shift : {24, 16, 8, 0}) bytes_ += static_cast<char>(body.size() >> shift & 0xff);
    bytes_ += body;
    for (int fd : descriptors) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0) fail_errno("cannot duplicate a descriptor for a frame");
        descriptors_.emplace_back(copy);
    }
}

bool FrameWriter::step(int socket) {
    alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int) * frame_descriptors)] = {};
    while (done_ < bytes_.size()) {
        iovec io{bytes_.data() + done_, bytes_.size() - done_};
        msghdr message{};
        message.msg_iov = &io;
        message.msg_iovlen = 1;
        if (done_ == 0 && !descriptors_.empty()) {
            size_t size = sizeof(int) * descriptors_.size();
            message.msg_control = space;
            message.msg_controllen = CMSG_SPACE(size);
            cmsghdr *c = CMSG_FIRSTHDR(&message);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(size);
            for (size_t n = 0; n < descriptors_.size(); ++n) {
                int fd = descriptors_[n].get();
                memcpy(CMSG_DATA(c) + n * sizeof fd, &fd, sizeof fd);
            }
        }
        ssize_t n = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
        if (n < 0 && peer_is_gone(errno)) throw Failure(Code::unavailable, "the peer has closed the connection");
        if (n < 0) fail_errno("cannot write to the peer");
        done_ += static_cast<size_t>(n);
        descriptors_.clear();  // they travelled with the first byte
    }
    return true;
}

void send_frame(int socket, std::string_view body, const std::vector<int> &descriptors) {
    FrameWriter writer(body, descriptors);
    while (!writer.step(socket)) wait_for(socket, POLLOUT, std::nullopt);
}

std::optional<Frame> receive_frame(int socket, std::optional<std::chrono::milliseconds> patience, size_t limit) {
    Deadline deadline;
    if (patience) deadline = Clock::now() + *patience;
    FrameReader reader(limit);
    for (;;) {
        switch (reader.step(socket)) {
            case FrameReader::Progress::complete:
                return reader.take();
            case FrameReader::Progress::end:
                return std::nullopt;
            case FrameReader::Progress::blocked:
                wait_for(socket, POLLIN, deadline);
        }
    }
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
