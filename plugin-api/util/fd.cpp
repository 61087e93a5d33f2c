#include <seed/util/fd.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seed/util/failure.h>
#include <cerrno>

namespace seed {

void UniqueFd::reset(int fd) {
    // close() is never repeated: Linux has released the number even when it reports EINTR.
    if (fd_ >= 0 && fd_ != fd) {
        int saved = errno;
        ::close(fd_);
        errno = saved;
    }
    fd_ = fd;
}

UniqueFd UniqueFd::duplicate() const {
    int copy = fcntl(fd_, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) fail_errno("cannot duplicate a descriptor");
    return UniqueFd(copy);
}

Pipe make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) fail_errno("cannot make a pipe");
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

SocketPair make_socket_pair() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) fail_errno("cannot make a socket pair");
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void set_nonblocking(int fd, bool on) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) fail_errno("cannot read the flags of a descriptor");
    int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (wanted != flags && fcntl(fd, F_SETFL, wanted)) fail_errno("cannot change the flags of a descriptor");
}

}  // namespace seed
