#include "core/base/async.h"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <cerrno>
#include <list>

#include <seed/util/failure.h>
#include <seed/util/file.h>

#include "core/base/log.h"
#include "core/base/timer.h"

namespace seed {

struct Event::State {
    asio::any_io_executor executor;
    std::list<Timer *> waiting;
    uint64_t rounds = 0;  // how often it was set
    bool set = false;
    bool gone = false;

    void wake() {
        for (Timer *timer : waiting) timer->cancel();
    }
};

Event::Event(asio::any_io_executor executor) : state_(std::make_shared<State>()) {
    state_->executor = std::move(executor);
}

Event::~Event() {
    state_->gone = true;
    state_->wake();
}

void Event::set() {
    state_->set = true;
    ++state_->rounds;
    state_->wake();
}

void Event::clear() {
    state_->set = false;
}
bool Event::is_set() const {
    return state_->set;
}

Task<bool> Event::wait_until(Call::Clock::time_point deadline) {
    std::shared_ptr<State> state = state_;
    if (state->set) co_return true;
    uint64_t before = state->rounds;
    Timer timer(state->executor, deadline);
    struct Place {  // also leaves the list when the coroutine is destroyed while it waits
        std::shared_ptr<State> state;
        std::list<Timer *>::iterator at;
        ~Place() { state->waiting.erase(at); }
    } place{state, state->waiting.insert(state->waiting.end(), &timer)};
    co_await timer.wait();
    if (state->gone) throw Failure(Code::cancelled, "what was waited for has ended");
    co_return state->set || state->rounds != before;
}

Task<void> Event::wait() {
    bool happened = false;
    while (!happened) happened = co_await wait_until(Call::Clock::time_point::max());
}

Task<void> sleep_for(std::chrono::milliseconds duration) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    Timer timer(executor, Clock::now() + duration);
    co_await timer.wait();
}

Task<ExitStatus> wait_for_exit(Process &process, const Call &call) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    UniqueFd copy(fcntl(process.pidfd(), F_DUPFD_CLOEXEC, 3));
    if (!copy) fail_errno("cannot wait for process " + std::to_string(process.pid()));
    auto ended = std::make_shared<asio::posix::stream_descriptor>(executor, copy.release());
    asio::steady_timer timer(executor, call.deadline());
    timer.async_wait([ended](boost::system::error_code error) {
        if (!error) ended->cancel();
    });
    std::function<void()> hook = [executor, ended] { asio::post(executor, [ended] { ended->cancel(); }); };
    std::shared_ptr<void> interest = call.on_cancel(hook);

    // Asio's wait may end without a reason: an event of a descriptor that was closed a moment ago, whose place in its tables this one has
    // now (seen: the second event of a pidfd, at the reaping).
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    do co_await ended->async_wait(asio::posix::stream_descriptor::wait_read, token);
    while (!error && !process.has_ended());
    interest.reset();
    timer.cancel();
    if (!error) co_return process.wait();
    process.kill_group();
    // A hook that was posted before may still cancel once: until the process is really gone.
    while (!process.has_ended()) co_await ended->async_wait(asio::posix::stream_descriptor::wait_read, token);
    process.wait();
    call.check();
    throw Failure(Code::timeout, "it took too long: the deadline has passed");
}

namespace {

// A program and everything that listens to it; kept alive by the handlers that are under way.
class Running : public std::enable_shared_from_this<Running> {
public:
    Running(asio::any_io_executor executor, const Call &call, size_t limit, std::function<void(std::string_view)> on_error_line)
        : finished(executor),
          executor_(executor),
          call_(call),
          limit_(limit),
          on_error_line_(std::move(on_error_line)),
          out_(executor),
          err_(executor),
          ended_(executor),
          timer_(executor) {}

    void start(SpawnOptions &options, const std::string &input) {
        if (options.outlive_parent)
            throw Failure(Code::invalid, "run_async() waits for its program; Process::spawn() starts one that outlives us");
        Pipe out = make_pipe(), err = make_pipe();
        UniqueFd in;
        auto named = [&](int theirs) {
            return std::any_of(options.descriptors.begin(), options.descriptors.end(),
                               [&](auto &pair) { return pair.second == theirs; });
        };
        if (!named(1)) options.descriptors.emplace_back(out.write.get(), 1);
        if (!named(2)) options.descriptors.emplace_back(err.write.get(), 2);
        if (!input.empty() && !named(0)) {
            in = file_in_memory(input);
            options.descriptors.emplace_back(in.get(), 0);
        }
        process_ = Process::spawn(options);
        UniqueFd pidfd(fcntl(process_.pidfd(), F_DUPFD_CLOEXEC, 3));
        if (!pidfd) fail_errno("cannot wait for process " + std::to_string(process_.pid()));
        out.write.reset();
        err.write.reset();
        set_nonblocking(out.read.get(), true);
        set_nonblocking(err.read.get(), true);
        out_.assign(out.read.release());
        err_.assign(err.read.release());
        ended_.assign(pidfd.release());

        auto self = shared_from_this();
        listen(out_);
        listen(err_);
        wait_for_end();
        timer_.expires_at(call_.deadline());
        timer_.async_wait([self](boost::system::error_code error) {
            if (error) return;
            self->result.timed_out = true;
            self->process_.kill_group();
        });
        std::weak_ptr<Running> weak = self;
        interest_ = call_.on_cancel([weak, executor = executor_] {
            asio::post(executor, [weak] {
                if (auto running = weak.lock()) running->process_.kill_group();
            });
        });
    }

    // Nobody waits any more: the program goes, too.
    void abandon() {
        process_.kill_group();
        timer_.cancel();
        interest_.reset();
    }

    RunResult result;
    std::exception_ptr trouble;  // thrown by on_error_line
    Event finished;

private:
    void wait_for_end() {
        ended_.async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](boost::system::error_code error) {
            if (error) return;
            self->process_.has_ended() ? self->finish() : self->wait_for_end();  // it may wake up for nothing, see wait_for_exit
        });
    }

    void listen(asio::posix::stream_descriptor &from) {
        from.async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this(), &from](boost::system::error_code error) {
                            if (!error && self->drain(from, 4)) self->listen(from);
                        });
    }

    // Reads at most `rounds` buffers (the loop has others to serve); false when there is nothing more to come.
    bool drain(asio::posix::stream_descriptor &from, int rounds) {
        std::string &into = &from == &out_ ? result.out : result.err;
        char bytes[16384];
        while (rounds-- > 0) {
            ssize_t n = read(from.native_handle(), bytes, sizeof bytes);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
            if (n == 0) return false;
            size_t room = std::min(static_cast<size_t>(n), limit_ - into.size());
            into.append(bytes, room);
            if (&into == &result.err) tell_lines(false);
            if (room < static_cast<size_t>(n)) {
                result.overflowed = true;
                process_.kill_group();
                return false;
            }
        }
        return true;
    }

    void tell_lines(bool rest) {
        if (!on_error_line_ || trouble) return;
        try {
            for (size_t end; (end = result.err.find('\n', told_)) != std::string::npos; told_ = end + 1)
                on_error_line_(std::string_view(result.err).substr(told_, end - told_));
            if (rest && told_ < result.err.size()) on_error_line_(std::string_view(result.err).substr(told_));
        } catch (...) {
            trouble = std::current_exception();
            process_.kill_group();
        }
    }

    void finish() {
        timer_.cancel();
        interest_.reset();
        process_.kill_group();  // what it left behind
        result.status = process_.wait();
        // What it wrote last is still in the pipes; what others may write later is not waited for.
        constexpr int all = 1 << 20;
        drain(out_, all);
        drain(err_, all);
        tell_lines(true);
        boost::system::error_code ignored;
        out_.close(ignored);
        err_.close(ignored);
        finished.set();
    }

    asio::any_io_executor executor_;
    Call call_;
    size_t limit_, told_ = 0;
    std::function<void(std::string_view)> on_error_line_;
    asio::posix::stream_descriptor out_, err_, ended_;
    asio::steady_timer timer_;
    Process process_;
    std::shared_ptr<void> interest_;
};

}  // namespace

Task<RunResult> run_async(SpawnOptions options, const Call &call, size_t output_limit,
                          std::function<void(std::string_view)> on_error_line, std::string input) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    Call copy = call;
    copy.check();
    auto running = std::make_shared<Running>(executor, copy, output_limit, std::move(on_error_line));
    running->start(options, input);
    struct Owner {  // a coroutine that is destroyed while it waits takes its program with it
        std::shared_ptr<Running> running;
        ~Owner() { running->abandon(); }
    } owner{running};
    co_await running->finished.wait();
    if (running->trouble) std::rethrow_exception(running->trouble);
    if (copy.cancelled()) copy.check();
    co_return std::move(running->result);
}

void spawn_task(asio::any_io_executor executor, std::string name, Task<void> task) {
    asio::co_spawn(executor, std::move(task), [name = std::move(name)](std::exception_ptr trouble) {
        if (!trouble) return;
        try {
            std::rethrow_exception(trouble);
        } catch (const Failure &failure) {
            log(failure.code() == Code::cancelled ? LogLevel::debug : LogLevel::error, name, failure.what());
        } catch (const std::exception &error) {
            log_error(name, error.what());
        } catch (...) {
            log_error(name, "ended with an unknown exception");
        }
    });
}

}  // namespace seed
