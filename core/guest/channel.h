// The control channel: the virtio-serial port org.seed.ctl, or a stream to the host's vsock port N where the kernel's command line says
// seed.vsock=N.  Lines of JSON to the host, lines of text from it.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/guest/ports.h"

namespace seed::guest {

class Channel {
public:
    // Looks for it for up to 10 s; false when the machine has none.
    bool open();
    int descriptor() const { return fd_; }
    void send(std::string_view json_object);  // one line
    // The next whole line, waiting up to `patience_ms`; none: nothing came.  Lines above `configuration_limit` are dropped.
    std::optional<std::string> receive(int patience_ms);

    void say_hello();
    void say_started();
    void say_ready(const Readiness &readiness);
    void say_waiting(const Readiness &readiness);  // for which ports
    void say_volumes(const std::vector<std::string> &full, const std::vector<std::string> &damaged);  // mount points
    void say_note(std::string_view text);
    void say_failed(std::string_view reason);

private:
    int fd_ = -1;
    std::string buffer_;
};

}  // namespace seed::guest
