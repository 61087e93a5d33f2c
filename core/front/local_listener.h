// A UNIX socket by path that only some users may connect to: the operator's, and that of a seed-front which is a service of its own.
#pragma once
#include <sys/types.h>

#include <functional>
#include <string>

#include "core/base/async.h"

namespace seed::front {

class LocalListener {
public:
    using Serve = std::function<Task<void>(UniqueFd peer)>;
    struct Settings {
        std::string path;      // a stale socket there is replaced; mode 0600
        std::string purpose;   // for the log: "the operator's socket"
        uid_t user = 0;        // may connect and owns the socket, beside root and whom the platform runs as; 0: nobody else
    };
    // Listens from now on.  `serve` gets each peer whose user may connect, known by the kernel's credentials.
    LocalListener(asio::any_io_executor executor, Settings settings, Serve serve);
    Task<void> run();   // until stop()
    void stop();

private:
    Settings settings_;
    Serve serve_;
    asio::posix::stream_descriptor listening_;
    bool stopped_ = false;
};

}  // namespace seed::front
