// What stays of seed-guest beside the closure's init: readiness, ownership of volumes, orderly shutdown.
#pragma once
#include "core/guest/channel.h"

namespace seed::guest {

// `executed`: a close-on-exec pipe of the process that becomes init: end of file says that it has; an errno says that it could
// not.
[[noreturn]] void run_helper(const Configuration &configuration, Channel &channel, int executed);

}  // namespace seed::guest
