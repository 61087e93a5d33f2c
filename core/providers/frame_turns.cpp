#include "core/providers/frame_turns.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include <seed/util/failure.h>

namespace seed::providers {

FrameTurns::FrameTurns(int socket) : socket_(socket), turns_(epoll_create1(EPOLL_CLOEXEC)), ended_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!turns_ || !ended_) fail_errno("cannot wait for frames");
    epoll_event end{};   // stays readable, and wakes everybody
    end.events = EPOLLIN;
    end.data.fd = ended_.get();
    if (epoll_ctl(turns_.get(), EPOLL_CTL_ADD, ended_.get(), &end) != 0) fail_errno("cannot wait for frames");
    watch(EPOLL_CTL_ADD);
}

// EPOLLONESHOT: one thread is woken, and no other one until it says so.
void FrameTurns::watch(int operation) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLONESHOT;
    event.data.fd = socket_;
    if (epoll_ctl(turns_.get(), operation, socket_, &event) != 0) fail_errno("cannot wait for frames");
}

std::optional<Frame> FrameTurns::take() {
    for (;;) {
        epoll_event event{};
        int count = epoll_wait(turns_.get(), &event, 1, -1);
        if (count < 0 && errno != EINTR) fail_errno("cannot wait for frames");
        if (count <= 0) continue;
        if (event.data.fd != socket_) return std::nullopt;
        std::lock_guard guard(lock_);
        if (!reader_) reader_.emplace();
        switch (reader_->step(socket_)) {
            case FrameReader::Progress::complete: {
                Frame frame = reader_->take();
                reader_.reset();
                return frame;
            }
            case FrameReader::Progress::end:
                return std::nullopt;
            case FrameReader::Progress::blocked:
                watch(EPOLL_CTL_MOD);   // the rest of it comes to whoever is there
        }
    }
}

void FrameTurns::pass_on() {
    std::lock_guard guard(lock_);   // what this thread did happened before what the next one does
    watch(EPOLL_CTL_MOD);
}

void FrameTurns::end() {
    uint64_t one = 1;
    [[maybe_unused]] ssize_t written = write(ended_.get(), &one, sizeof one);   // readable for ever: nobody reads it
}

}  // namespace seed::providers
