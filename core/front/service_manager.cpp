#include "core/front/service_manager.h"

#include <systemd/sd-daemon.h>

#include <cstdlib>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::front {

std::map<std::string, UniqueFd> inherited_sockets() {
    char **names = nullptr;
    int count = sd_listen_fds_with_names(/*unset_environment=*/1, &names);
    if (count < 0) fail_errno("cannot take over the sockets of the service manager", -count);
    std::map<std::string, UniqueFd> sockets;
    std::string trouble;
    for (int i = 0; i < count; ++i) {  // all are taken before anything is complained about: none is left open
        std::string name = names && names[i] ? names[i] : "";
        UniqueFd socket(SD_LISTEN_FDS_START + i);
        if (name != "ssh" && name != "http") trouble = "a socket named '" + printable(name, 80) + "' was handed over; name it ssh or http (FileDescriptorName=)";
        else if (sd_is_socket(socket.get(), AF_UNSPEC, SOCK_STREAM, /*listening=*/1) <= 0) trouble = "the socket '" + name + "' that was handed over does not listen for streams";
        else if (!sockets.emplace(name, std::move(socket)).second) trouble = "two sockets named '" + name + "' were handed over; one is served, [::]:PORT serves IPv4 as well";
    }
    for (int i = 0; names && i < count; ++i) std::free(names[i]);
    std::free(names);
    if (!trouble.empty()) throw Failure(Code::invalid, trouble);
    return sockets;
}

void tell_ready(const std::string &status) { sd_notify(0, ("READY=1\nSTATUS=" + status).c_str()); }
void tell_stopping() { sd_notify(0, "STOPPING=1"); }

Task<void> feed_watchdog() {
    uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) <= 0) co_return;
    auto pause = std::chrono::milliseconds(std::max<uint64_t>(microseconds / 2000, 1));
    for (;;) {
        sd_notify(0, "WATCHDOG=1");
        co_await sleep_for(pause);
    }
}

}  // namespace seed::front
