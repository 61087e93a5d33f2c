// A box that eats a stream which somebody produces beside it.
#pragma once
#include <functional>

#include "core/build/box.h"

namespace seed::build {

// Runs `step` with `produce`'s bytes as its standard input; `produce` writes into the descriptor it is given (ours to close).
// Returns when both have ended.  What the producer failed of by itself is thrown before what the box says about it.
Task<BoxResult> run_fed(asio::any_io_executor executor, Boxes &boxes, Call call, BoxStep step, std::function<Task<void>(int write_fd)> produce);

}  // namespace seed::build
