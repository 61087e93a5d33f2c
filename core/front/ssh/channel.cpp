#include "core/front/ssh/channel.h"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace seed::front {

namespace {

constexpr size_t piece = 256 * 1024;
constexpr size_t command_limit = 16384;
constexpr char interrupt_key = 0x03, end_key = 0x04;

}  // namespace

// The callbacks only note what was asked; all work is done in pump().
struct Channel::Events : ssh_channel_callbacks_struct {
    explicit Events(Channel *channel) : ssh_channel_callbacks_struct{} {
        userdata = channel;
        channel_data_function = on_data;
        channel_eof_function = on_eof;
        channel_close_function = on_close;
        channel_signal_function = on_signal;
        channel_pty_request_function = on_pty;
        channel_pty_window_change_function = on_window_change;
        channel_exec_request_function = on_exec;
        channel_shell_request_function = on_shell;
        channel_env_request_function = on_env;
        channel_subsystem_request_function = on_subsystem;
        channel_auth_agent_req_function = [](ssh_session, ssh_channel, void *) {};
        channel_x11_req_function = [](ssh_session, ssh_channel, int, const char *, const char *, uint32_t, void *) {};
        ssh_callbacks_init(this);
    }
    static Channel &channel_of(void *data) {
        auto &self = *static_cast<Channel *>(data);
        self.fresh_ = true;
        return self;
    }
    static int on_data(ssh_session, ssh_channel, void *, uint32_t, int, void *data) {
        channel_of(data);
        return 0;  // stays with libssh; see take_input()
    }
    static void on_eof(ssh_session, ssh_channel, void *data) { channel_of(data); }
    static void on_close(ssh_session, ssh_channel, void *data) { channel_of(data).closed_by_client_ = true; }
    static void on_signal(ssh_session, ssh_channel, const char *, void *data) { channel_of(data).interrupt(130); }
    static int on_pty(ssh_session, ssh_channel, const char *, int width, int, int, int, void *data) {
        auto &self = channel_of(data);
        if (self.start_requested_) return SSH_ERROR;
        self.request_.terminal = true;
        self.request_.columns = width > 0 && width < 10000 ? unsigned(width) : 0;
        return SSH_OK;
    }
    static int on_window_change(ssh_session, ssh_channel, int, int, int, int, void *) { return SSH_OK; }
    static int on_exec(ssh_session, ssh_channel, const char *command, void *data) {
        auto &self = channel_of(data);
        size_t size = strnlen(command, command_limit + 1);
        if (self.start_requested_ || size > command_limit) return SSH_ERROR;
        self.request_.command.assign(command, size);
        self.start_requested_ = true;
        return SSH_OK;
    }
    static int on_shell(ssh_session, ssh_channel, void *data) {
        auto &self = channel_of(data);
        if (self.start_requested_) return SSH_ERROR;
        self.start_requested_ = true;
        return SSH_OK;
    }
    static int on_env(ssh_session, ssh_channel, const char *name, const char *value, void *data) {
        auto &self = channel_of(data);
        if (strcmp(name, "GIT_PROTOCOL") != 0 || strnlen(value, 65) > 64 || self.start_requested_) return SSH_ERROR;
        self.request_.git_protocol = value;
        return SSH_OK;
    }
    static int on_subsystem(ssh_session, ssh_channel, const char *, void *) { return SSH_ERROR; }
};

Channel::Channel(ssh_channel_struct *channel, JobMain main)
    : events_(std::make_unique<Events>(this)), channel_(channel), main_(std::move(main)) {
    ssh_set_channel_callbacks(channel_, events_.get());
}

Channel::~Channel() {
    job_.reset();
    ssh_remove_channel_callbacks(channel_, events_.get());
    ssh_channel_free(channel_);
}

void Channel::start() {
    job_ = std::make_unique<Job>(request_, main_);
}

void Channel::interrupt(int status) {
    if (!job_ || cancelled_) return;
    cancelled_ = true;
    interrupted_status_ = status;
    job_->cancel();
}

void Channel::add_polls(std::vector<pollfd> &polls, bool may_send) const {
    if (!job_) return;
    if (job_->to && input_done_ < input_.size()) polls.push_back({job_->to.get(), POLLOUT, 0});
    bool room = may_send && output_[0].empty() && output_[1].empty() && ssh_channel_window_size(channel_) > 0;
    if (room && job_->from) polls.push_back({job_->from.get(), POLLIN, 0});
    if (room && job_->errors) polls.push_back({job_->errors.get(), POLLIN, 0});
    // What pump() has not seen wakes us, also when it happened since.
    if (!seen_done_) polls.push_back({job_->done_fd(), POLLIN, 0});
}

// From libssh to the job.  libssh grants the client a full new window each time something is taken, so taking little by little
// would let its buffer grow without end: everything is taken at once, and only when the last piece is gone.
bool Channel::take_input() {
    for (;;) {
        if (input_done_ == input_.size()) {
            input_.clear();
            input_done_ = 0;
            int waiting = ssh_channel_poll(channel_, 0);
            if (waiting == SSH_ERROR) return false;
            if (waiting <= 0) {
                if (job_ && ssh_channel_is_eof(channel_) && !input_ended_) {
                    input_ended_ = true;
                    job_->to.reset();
                }
                return true;
            }
            if (!job_) return true;  // no command yet: the window holds the client back
            input_.resize(size_t(waiting));
            int taken = ssh_channel_read_nonblocking(channel_, input_.data(), uint32_t(waiting), 0);
            if (taken < 0 && taken != SSH_AGAIN && taken != SSH_EOF) return false;
            input_.resize(taken > 0 ? size_t(taken) : 0);
            if (input_.empty()) return true;
            if (request_.terminal && input_.find_first_of(std::string{interrupt_key, end_key}) != std::string::npos)
                interrupt(130);
            if (input_.capacity() > 4 * piece && input_.size() < piece) input_.shrink_to_fit();
        }
        if (!job_ || !job_->to) {  // nobody reads it
            input_.clear();
            input_done_ = 0;
            continue;
        }
        ssize_t written = ::write(job_->to.get(), input_.data() + input_done_, input_.size() - input_done_);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EAGAIN) return true;
        if (written < 0)
            job_->to.reset();  // the job does not want more
        else
            input_done_ += size_t(written);
    }
}

// From the job to libssh, one piece.  What the client's window does not take stays in output_ and stops the reading.
bool Channel::forward(UniqueFd &source, bool is_stderr) {
    std::string &pending = output_[is_stderr];
    if (pending.empty() && source) {
        static thread_local char buffer[piece];
        size_t room = std::min<size_t>(piece, ssh_channel_window_size(channel_));
        if (room == 0) return true;
        ssize_t got = ::read(source.get(), buffer, room);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
        if (got <= 0) {
            source.reset();
            return true;
        }
        if (request_.terminal) {  // the client's terminal is raw: a new line alone would only go down
            for (char c : std::string_view(buffer, size_t(got))) {
                if (c == '\n') pending += '\r';
                pending += c;
            }
        } else {
            pending.assign(buffer, size_t(got));
        }
    }
    if (pending.empty()) return true;
    uint32_t window = ssh_channel_window_size(channel_);
    uint32_t size = uint32_t(std::min<size_t>({pending.size(), window, piece}));
    if (size == 0) return true;
    int sent =
        is_stderr ? ssh_channel_write_stderr(channel_, pending.data(), size) : ssh_channel_write(channel_, pending.data(), size);
    if (sent == SSH_AGAIN) return true;
    if (sent < 0) return false;
    pending.erase(0, size_t(sent));
    return true;
}

// All that the job wrote has been passed on.  Somebody else may still hold the writing ends: what counts is that the job has
// returned and the pipes are empty.
bool Channel::drained() {
    if (!output_[0].empty() || !output_[1].empty()) return false;
    for (UniqueFd *source : {&job_->from, &job_->errors}) {
        if (!*source) continue;
        pollfd now{source->get(), POLLIN, 0};
        if (::poll(&now, 1, 0) > 0 && now.revents & POLLIN) return false;
    }
    return true;
}

void Channel::finish(int status) {
    finished_ = true;
    if (!ssh_channel_is_open(channel_)) return;
    ssh_channel_request_send_exit_status(channel_, status);
    ssh_channel_send_eof(channel_);
    ssh_channel_close(channel_);
}

bool Channel::pump(bool may_send) {
    fresh_ = false;
    if (finished_) return true;
    if (closed_by_client_ || ssh_channel_is_closed(channel_)) {
        job_.reset();
        finished_ = true;
        return true;
    }
    if (start_requested_ && !job_) start();
    if (!take_input()) return false;
    if (!job_) return true;
    seen_done_ = job_->done();  // read before the pipes: what it wrote came earlier
    if (may_send && !forward(job_->errors, true)) return false;
    if (may_send && !forward(job_->from, false)) return false;
    if (seen_done_ && drained()) finish(cancelled_ ? interrupted_status_ : job_->exit_status());
    return true;
}

}  // namespace seed::front
