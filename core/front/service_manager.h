// What systemd wants to hear from a service, and the sockets it may have opened for us.  Without systemd all of it does nothing.
#pragma once
#include <map>
#include <string>

#include "core/base/async.h"

namespace seed::front {

// Sockets by their FileDescriptorName= ("ssh", "http"), ours from now on.  Call once, at start.  Failure(invalid) for a name that
// nothing of ours serves, or that comes twice.
std::map<std::string, UniqueFd> inherited_sockets();

void tell_ready(const std::string &status);  // Type=notify: up; `status` is shown by systemctl
void tell_stopping();

// Says "alive" twice per WatchdogSec= from the loop that does the work: when that loop hangs, systemd starts us again.
Task<void> feed_watchdog();

}  // namespace seed::front
