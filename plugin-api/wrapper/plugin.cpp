// Host and Call: the C tables of abi.h as objects.
#include <poll.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include <seed/plugin.hpp>

namespace seed::plugin {

namespace {

seed_text borrow(std::string_view text) {
    return {text.data(), text.size()};
}

int64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

void Host::log(seed_level level, std::string_view text) const {
    host_->log(host_, level, borrow(text));
}

std::chrono::nanoseconds Call::remaining() const {
    return std::chrono::nanoseconds(std::max<int64_t>(0, call_->deadline_ns - now_ns()));
}

bool Call::cancelled() const {
    pollfd poll_fd{call_->cancel_fd, POLLIN, 0};
    return poll(&poll_fd, 1, 0) > 0;
}

void Call::check() const {
    if (cancelled()) throw Failure(Code::cancelled, "stopped because the core gave up on this call");
    if (remaining().count() == 0) throw Failure(Code::timeout, "the deadline of this call passed");
}

short Call::wait(int fd, short events) const {
    for (;;) {
        check();
        pollfd set[2] = {{fd, events, 0}, {call_->cancel_fd, POLLIN, 0}};
        // Rounded up, so that the last poll does not end just before the deadline and spin.
        auto milliseconds = std::min<int64_t>(remaining().count() / 1'000'000 + 1, 60'000);
        int ready = poll(set, 2, static_cast<int>(milliseconds));
        if (ready < 0 && errno != EINTR) fail_errno("waiting for a descriptor");
        if (ready > 0 && set[0].revents != 0) return set[0].revents;
    }
}

int Call::descriptor(size_t index) const {
    if (index >= call_->fd_count) {
        throw Failure(Code::invalid, "descriptor " + std::to_string(index) + " is missing: the request came with " +
                                         std::to_string(call_->fd_count));
    }
    return call_->fds[index];
}

void Call::progress(int permille, std::string_view doing) const {
    if (SEED_HAS(host_, progress)) host_->progress(call_, permille, borrow(doing));
}

int Call::attach(int fd) const {
    int index = host_->attach(call_, fd);
    if (index < 0) throw Failure(Code::limit, "a reply cannot carry more descriptors");
    return index;
}

void Call::reply_text(std::string_view text) const {
    host_->reply(call_, borrow(text));
}

}  // namespace seed::plugin
