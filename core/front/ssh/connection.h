// One SSH connection, from its first byte to its last, on one thread.
//
//  1. The key exchange and the login have a deadline together: a silent or slow client costs one process for that long.
//  2. Any user name and any public key of a kind we take may log in: the key is the person.  libssh checks that the client owns
//  it.
//  3. Session channels run jobs (job.h).  Subsystems, forwarding of ports, agents and X11 are refused.
//  4. When the client is gone, every job is cancelled; the process is expected to exit then.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <seed/util/fd.h>

#include "core/front/ssh/job.h"
#include "core/front/ssh/person.h"

namespace seed::front {

struct ConnectionSettings {
    std::chrono::seconds login_patience{30};
    std::chrono::seconds idle_patience{3600};  // without a running job
    size_t channels = 8;
};

class Connection {
public:
    // `host_key`: an OpenSSH private key (Ed25519, PEM).  Throws Failure(invalid) when it is none.
    Connection(UniqueFd client, const std::string &host_key, ConnectionSettings settings = {});
    ~Connection();
    Connection(const Connection &) = delete;

    // False: the client left, or did not log in in time.
    bool log_in();
    const Person &person() const;
    std::string remote() const;  // "192.0.2.1:50022", "[2001:db8::1]:50022"
    // Until the client leaves or stays idle for too long.
    void serve(JobMain main);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace seed::front
