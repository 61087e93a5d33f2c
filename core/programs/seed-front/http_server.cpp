#include "http_server.h"

#include <fcntl.h>

#include <seed/util/failure.h>

#include "child.h"
#include "core/base/log.h"

namespace seed::front {

HttpServer::HttpServer(asio::any_io_executor executor, CoreLink &core, ArrivalKind kind, std::chrono::milliseconds patience)
    : executor_(executor), core_(core), kind_(kind), patience_(patience) {}

void HttpServer::listen(int socket) {
    listening_.reset(fcntl(socket, F_DUPFD_CLOEXEC, 3));
    if (!listening_) fail_errno("cannot serve the HTTP socket");
    set_nonblocking(listening_.get(), false);
    start_anew();
    if (!running_) spawn_task(executor_, "http", run());
    running_ = true;
}

void HttpServer::close() {
    listening_.reset();
    start_anew();
}

void HttpServer::start_anew() {
    expected_ = true;
    if (process_ && process_->running()) process_->kill_group();
}

void HttpServer::begin(bool there) {
    SocketPair control = make_socket_pair();
    Child child;
    child.arguments = {"seed-http"};
    if (kind_ == ArrivalKind::metrics) child.arguments.push_back("--metrics");
    if (!there) child.arguments.push_back("--unavailable");
    child.descriptors = {{listening_.get(), 3}, {control.theirs.get(), 4}};
    child.cage.uid = uids::http;
    child.cage.connect_ports.emplace();
    child.cage.memory_bytes = 1ull << 30;
    process_ = std::make_shared<Process>(start(std::move(child)));
    if (there) core_.hand_over(kind_, "", std::move(control.ours));
}

Task<void> HttpServer::run() {
    while (listening_) {
        std::string why;
        expected_ = false;
        auto deadline = Call::Clock::now() + patience_;
        bool there = co_await core_.there().wait_until(deadline);
        if (!listening_) break;
        try {
            begin(there);
            auto process = process_;
            Call call("http front", std::chrono::hours(24 * 365));
            ExitStatus status = co_await wait_for_exit(*process, call);
            why = status.to_string();
        } catch (const std::exception &error) {
            why = error.what();
        }
        if (expected_ || !core_.is_there()) continue;   // it ends by itself when seedd does
        log_warning("front", "seed-http ended (" + why + "); starting it again");
        co_await sleep_for(std::chrono::milliseconds(500));
    }
    running_ = false;
}

}  // namespace seed::front
