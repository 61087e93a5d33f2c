// What a person asked for on a channel, answered with the help of seedd: a git conversation or a command of the shell.
#pragma once
#include <functional>
#include <string>

#include "core/front/client.h"
#include "core/front/ssh/job.h"
#include "core/front/ssh/person.h"

namespace seed::session {

class Requests {
public:
    Requests(front::Client &client, front::Person person, std::string remote);
    // Runs on the thread of a job; several at once.  Never throws; the exit status goes to the client.
    int run(const front::ExecRequest &request, front::JobStreams streams, front::Cancellation &cancel);

private:
    void say_hello();
    int run_words(const std::vector<std::string> &words, const front::ExecRequest &request, front::JobStreams &streams,
                  front::Cancellation &cancel);
    int run_git(const std::vector<std::string> &words, const front::ExecRequest &request, front::JobStreams &streams,
                front::Cancellation &cancel);
    int run_shell(const std::vector<std::string> &words, bool terminal, front::JobStreams &streams, front::Cancellation &cancel);

    front::Client &client_;
    front::Person person_;
    std::string remote_;
    std::mutex hello_mutex_;
    bool hello_said_ = false;
};

}  // namespace seed::session
