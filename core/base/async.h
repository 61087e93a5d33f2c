// The one Asio include of the core, and the few helpers coroutines need.  Include it only where coroutines are written.
//
// Every context here runs on one thread; nothing below may be called from another (asio::post first), except Call::cancel.
//
// Traps of coroutines with GCC 12, all seen in practice:
//   - No temporaries with destructors in the arguments of a co_await expression, above all no braced lists ({a, b}) and no
//     lambdas with captures: they are destroyed twice or leaked.  Name them first: std::vector<int> fds = ...; co_await f(fds);
//   - co_await is not allowed inside catch: store the exception (std::exception_ptr), leave the block, then wait.
//   - A lambda that is a coroutine loses its captures when the lambda object ends: pass them as parameters instead.
//   - A reference parameter must outlive the coroutine: true when it is awaited at once, not when it is spawned.
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

// A flag that coroutines on one context wait for.  set() wakes all who wait now, even when clear() follows at once; it stays set
// until clear().  Destroying the Event wakes them with Failure(cancelled).
class Event {
public:
    explicit Event(asio::any_io_executor executor);
    ~Event();
    Event(const Event &) = delete;
    void set();
    void clear();
    bool is_set() const;
    Task<void> wait();
    Task<bool> wait_until(Call::Clock::time_point deadline);  // false: the time came first

private:
    struct State;
    std::shared_ptr<State> state_;
};

Task<void> sleep_for(std::chrono::milliseconds duration);
// Waits for a child without blocking the context; SIGKILLs its group at the call's deadline or cancellation (then throws).
Task<ExitStatus> wait_for_exit(Process &process, const Call &call);
// run() of seed/util/process.h without blocking: output is read as it comes; `on_error_line` (may be null) sees each line of
// stderr without its newline.  At the call's deadline the result says timed_out; at its cancellation Failure(cancelled) is
// thrown.  In both cases the program's whole group has been killed.
Task<RunResult> run_async(SpawnOptions options, const Call &call, size_t output_limit,
                          std::function<void(std::string_view)> on_error_line = nullptr, std::string input = {});
// Start a coroutine that nobody waits for; what it throws is logged under `name`.
void spawn_task(asio::any_io_executor executor, std::string name, Task<void> task);

}  // namespace seed
