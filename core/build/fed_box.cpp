#include "core/build/fed_box.h"

#include <seed/util/failure.h>
#include <seed/util/fd.h>

namespace seed::build {
namespace {

struct Production {
    explicit Production(asio::any_io_executor executor) : ended(std::move(executor)) {}
    UniqueFd write;
    Event ended;
    std::exception_ptr failure;
};

Task<void> run_production(std::shared_ptr<Production> production, std::function<Task<void>(int)> produce) {
    try {
        co_await produce(production->write.get());
    } catch (...) {
        production->failure = std::current_exception();
    }
    production->write.reset();
    production->ended.set();
}

}  // namespace

Task<BoxResult> run_fed(asio::any_io_executor executor, Boxes &boxes, Call call, BoxStep step, std::function<Task<void>(int)> produce) {
    Pipe pipe = make_pipe();
    auto production = std::make_shared<Production>(executor);
    production->write = std::move(pipe.write);
    asio::co_spawn(executor, run_production(production, std::move(produce)), asio::detached);
    step.input = pipe.read.get();
    BoxResult result;
    std::exception_ptr failure;
    try {
        result = co_await boxes.run(call, std::move(step));
    } catch (...) {
        failure = std::current_exception();
    }
    // We held the pipe open: a producer that has failed by now did so by itself, and is the cause of what the box says.
    bool producer_failed = production->ended.is_set() && production->failure;
    pipe.read.reset();                  // one that still writes gets EPIPE
    co_await production->ended.wait();  // the producer keeps the call's deadline; it holds references of our caller's
    if (producer_failed) std::rethrow_exception(production->failure);
    if (failure) std::rethrow_exception(failure);
    // A box that is content had what it wants before, or all of it now: a producer that failed since then was only sent away.
    co_return result;
}

}  // namespace seed::build
