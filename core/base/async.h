// The one Asio include of the core, and the few helpers coroutines need.  Include it only where coroutines are written.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <seed/util/process.h>

#include "core/base/call.h"

namespace seed {

namespace asio = boost::asio;
template <typename T>
using Task = asio::awaitable<T>;

// A flag that coroutines on one context wait for.  set() wakes all; stays set until clear().
class Event {
public:
    explicit Event(asio::any_io_executor executor) : timer_(executor) { timer_.expires_at(asio::steady_timer::time_point::max()); }
    void set();
    void clear() { set_ = false; }
    bool is_set() const { return set_; }
    Task<void> wait();
    Task<bool> wait_until(Call::Clock::time_point deadline);   // false: the time came first

private:
    asio::steady_timer timer_;
    bool set_ = false;
};

Task<void> sleep_for(std::chrono::milliseconds duration);
// Waits for a child without blocking the context; SIGKILLs its group at the call's deadline or cancellation (then throws).
Task<ExitStatus> wait_for_exit(Process &process, const Call &call);
// run() of seed/util/process.h without blocking: output is read as it comes; `on_line` (may be null) sees each line of stderr.
Task<RunResult> run_async(SpawnOptions options, const Call &call, size_t output_limit,
                          std::function<void(std::string_view)> on_error_line = nullptr, std::string input = {});
// Start a coroutine that nobody waits for; what it throws is logged under `name`.
void spawn_task(asio::any_io_executor executor, std::string name, Task<void> task);

}  // namespace seed
