// One session channel of an SSH connection: waiting for its command, then carrying bytes between it and a job, then closed.
//
// Back-pressure both ways: the job's output is read only while the client's window is open and libssh has nothing left to send;
// the client's input is taken from libssh only when all that was taken before has reached the job, so that the window closes.
// Used by the connection's thread only.
#pragma once
#include <poll.h>

#include <memory>
#include <string>
#include <vector>

#include "core/front/ssh/job.h"

struct ssh_channel_struct;
struct ssh_session_struct;

namespace seed::front {

class Channel {
public:
    // Takes over `channel` and registers itself for its events.
    Channel(ssh_channel_struct *channel, JobMain main);
    ~Channel();
    Channel(const Channel &) = delete;

    bool running() const { return job_ != nullptr; }
    bool finished() const { return finished_; }  // may be destroyed
    // What to wait for.  `may_send`: libssh's own buffer is empty.
    void add_polls(std::vector<pollfd> &polls, bool may_send) const;
    // Moves what can be moved without blocking.  False: the connection is broken.
    bool pump(bool may_send);
    // Something came for this channel since its last pump() began.  libssh handles packets in many of its functions, also those
    // called for another channel: the connection pumps until nothing is fresh before it waits.
    bool fresh() const { return fresh_ && !finished_; }

    struct Events;  // libssh's callbacks

private:
    bool take_input();
    bool forward(UniqueFd &source, bool is_stderr);
    bool drained();
    void interrupt(int status);
    void finish(int status);
    void start();

    std::unique_ptr<Events> events_;
    ssh_channel_struct *channel_;
    JobMain main_;
    ExecRequest request_;
    bool fresh_ = true, start_requested_ = false, closed_by_client_ = false, finished_ = false, seen_done_ = false, cancelled_ = false,
         input_ended_ = false;
    int interrupted_status_ = 0;
    std::unique_ptr<Job> job_;
    std::string input_;  // taken from libssh, not yet at the job
    size_t input_done_ = 0;
    std::string output_[2];  // from the job (out, err), not yet taken by libssh
};

}  // namespace seed::front
