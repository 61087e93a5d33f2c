// What a channel runs: a function on a thread of its own, talking to the channel through three pipes.
//
// libssh is touched by one thread only; a job never sees it.  Its ends of the pipes are ordinary blocking descriptors which it
// may hand on (a git conversation gives them to seedd).  Writing to a channel that is gone fails with EPIPE.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <seed/util/fd.h>

#include "core/front/cancellation.h"

namespace seed::front {

struct ExecRequest {
    std::string command;       // empty: none was given (a shell was asked for)
    std::string git_protocol;  // GIT_PROTOCOL as the client set it; not checked
    bool terminal = false;
    unsigned columns = 0;  // of the terminal; 0: unknown
};
struct JobStreams {
    UniqueFd in, out, err;  // the job's own ends
};
// Returns the exit status.  Runs on the job's thread; must not throw.
using JobMain = std::function<int(const ExecRequest &, JobStreams, Cancellation &)>;

class Job {
public:
    // The channel's ends are non-blocking.
    Job(ExecRequest request, JobMain main);
    ~Job();  // cancels, closes the channel's ends; the thread ends by itself soon after

    UniqueFd to, from, errors;                   // the channel's ends
    int done_fd() const { return done_.get(); }  // readable once the job has returned
    bool done() const { return shared_->done; }
    int exit_status() const { return shared_->status; }
    void cancel() { shared_->cancellation.cancel(); }

private:
    struct Shared {
        Cancellation cancellation;
        std::atomic<bool> done = false;
        std::atomic<int> status = 0;
    };
    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
    UniqueFd done_;
};

}  // namespace seed::front
