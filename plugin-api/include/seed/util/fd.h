// A file descriptor with an owner.  Closed at the end of its scope; -1 means none.
#pragma once
#include <utility>

namespace seed {

class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd &operator=(UniqueFd &&other) noexcept {
        if (this != &other) reset(std::exchange(other.fd_, -1));
        return *this;
    }
    UniqueFd(const UniqueFd &) = delete;
    UniqueFd &operator=(const UniqueFd &) = delete;
    ~UniqueFd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }
    void reset(int fd = -1);
    // A second descriptor of the same file, close-on-exec.  Throws Failure.
    UniqueFd duplicate() const;

private:
    int fd_ = -1;
};

struct Pipe {
    UniqueFd read, write;
};
Pipe make_pipe();                       // close-on-exec on both ends
struct SocketPair {
    UniqueFd ours, theirs;
};
SocketPair make_socket_pair();          // AF_UNIX, SOCK_STREAM, close-on-exec
void set_nonblocking(int fd, bool on);

}  // namespace seed
