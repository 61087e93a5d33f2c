#include "core/providers/frame_turns.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <seed/util/failure.h>

namespace seed::providers {

namespace {
constexpr uint32_t news = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr uint32_t the_end = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

void raise(const UniqueFd &event) {
    uint64_t one = 1;
    [[maybe_unused]] ssize_t written = write(event.get(), &one, sizeof one);   // readable for ever: nobody reads it
}
}  // namespace

FrameTurns::FrameTurns(int socket)
    : socket_(socket), turns_(epoll_create1(EPOLL_CLOEXEC)), ended_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), more_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!turns_ || !ended_ || !more_) fail_errno("cannot wait for frames");
    watch(EPOLL_CTL_ADD, ended_.get(), EPOLLIN);   // stays readable, and wakes everybody
    watch(EPOLL_CTL_ADD, more_.get(), EPOLLIN | EPOLLET);
    watch(EPOLL_CTL_ADD, socket_, news);
}

void FrameTurns::watch(int operation, int descriptor, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    if (epoll_ctl(turns_.get(), operation, descriptor, &event) != 0) fail_errno("cannot wait for frames");
}

std::optional<Frame> FrameTurns::take() {
    for (;;) {
        epoll_event event{};
        int count = epoll_wait(turns_.get(), &event, 1, -1);
        if (count < 0 && errno != EINTR) fail_errno("cannot wait for frames");
        if (count <= 0) continue;
        if (event.data.fd == ended_.get()) return std::nullopt;
        std::lock_guard guard(lock_);
        // Read below is only as long as no frame is there, and then to the last byte but not to the end of the stream.
        if (event.data.fd == socket_ && (taken_ || reader_.is_complete() || (event.events & the_end))) look_again_ = true;
        if (taken_) continue;
        taken_ = true;
        switch (reader_.step(socket_)) {
            case FrameReader::Progress::complete:
                if (!reader_.is_drained()) look_again_ = true;
                return reader_.take();
            case FrameReader::Progress::end:
                return std::nullopt;
            case FrameReader::Progress::blocked:   // the rest of it comes to whoever is there
                taken_ = look_again_ = false;
        }
    }
}

void FrameTurns::pass_on() {
    std::lock_guard guard(lock_);   // what this thread did happened before what the next one does
    taken_ = false;
    if (reader_.is_complete())
        raise(more_);
    else if (std::exchange(look_again_, false))
        watch(EPOLL_CTL_MOD, socket_, news);   // an edge, if there is anything
}

void FrameTurns::end() {
    raise(ended_);
}

}  // namespace seed::providers
