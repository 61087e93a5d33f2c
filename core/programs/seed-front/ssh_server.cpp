#include "ssh_server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <seed/util/failure.h>
#include <seed/util/privileged_cage.h>

#include "child.h"
#include "core/base/log.h"
#include "core/front/ssh_refusal.h"

namespace seed::front {
namespace {

constexpr size_t most_refusals = 64;  // being told at the same time; others are just closed
constexpr uint64_t session_memory = 512ull << 20;

}  // namespace

struct SshServer::Place {
    Place(SshServer &server, std::string address) : server(server), from(std::move(address)) {
        ++server.open_;
        ++server.from_[from];
    }
    ~Place() {
        --server.open_;
        if (--server.from_[from] == 0) server.from_.erase(from);
    }
    Place(const Place &) = delete;
    SshServer &server;
    const std::string from;
};

SshServer::SshServer(asio::any_io_executor executor, CoreLink &core, std::chrono::milliseconds patience)
    : executor_(executor), core_(core), patience_(patience) {}

void SshServer::listen(int socket) {
    close();
    UniqueFd own(fcntl(socket, F_DUPFD_CLOEXEC, 3));
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (!own || getsockname(own.get(), reinterpret_cast<sockaddr *>(&bound), &size)) fail_errno("cannot serve the SSH socket");
    acceptor_ = std::make_shared<asio::ip::tcp::acceptor>(executor_);
    acceptor_->assign(bound.ss_family == AF_INET ? asio::ip::tcp::v4() : asio::ip::tcp::v6(), own.release());
    spawn_task(executor_, "ssh", accept(acceptor_));
}

void SshServer::close() {
    boost::system::error_code ignored;
    if (acceptor_) acceptor_->close(ignored);
    acceptor_.reset();
}

void SshServer::end_sessions() {
    for (const auto &[slot, session] : sessions_) session->kill_group();
}

Task<void> SshServer::accept(std::shared_ptr<asio::ip::tcp::acceptor> acceptor) {
    while (acceptor->is_open()) {
        boost::system::error_code error;
        Connection connection(executor_);
        co_await acceptor->async_accept(connection, asio::redirect_error(asio::use_awaitable, error));
        if (!acceptor->is_open()) co_return;
        if (error) {  // out of descriptors, mostly: wait until sessions end
            log_warning("front", "accepting a connection failed: " + error.message());
            co_await sleep_for(std::chrono::milliseconds(200));
            continue;
        }
        try {
            admit(std::move(connection));
        } catch (const std::exception &failure) {
            log_warning("front", "a session could not be started: " + std::string(failure.what()));
        }
    }
}

void SshServer::admit(Connection connection) {
    boost::system::error_code error;
    std::string from = connection.remote_endpoint(error).address().to_string();
    if (error) return;
    const ConnectionLimits &limits = core_.limits();
    auto same = from_.find(from);
    std::string why;
    if (same != from_.end() && same->second >= limits.connections_per_address)
        why = "your address has " + std::to_string(same->second) + " connections open, as many as the platform allows; close one and try again";
    else if (open_ >= limits.connections)
        why = "all connections of the platform are taken; try again in a minute";
    if (!why.empty()) {
        log_warning("front", "refusing a connection from " + from + ": too many sessions");
        turn_away(std::make_shared<Connection>(std::move(connection)), std::move(why));
        return;
    }
    auto place = std::make_shared<Place>(*this, from);
    if (core_.is_there()) return open_session(std::move(connection), std::move(place));
    auto waiting = std::make_shared<Connection>(std::move(connection));
    spawn_task(executor_, "waiting", wait_for_core(std::move(waiting), std::move(place)));
}

Task<void> SshServer::wait_for_core(std::shared_ptr<Connection> connection, std::shared_ptr<Place> place) {
    auto deadline = Call::Clock::now() + patience_;
    bool there = co_await core_.there().wait_until(deadline);
    if (there) {
        open_session(std::move(*connection), std::move(place));
        co_return;
    }
    log_warning("front", "refusing a connection from " + place->from + ": seedd is not there");
    turn_away(std::move(connection), "the platform is being started anew or is stopped; try again in a minute");
}

unsigned SshServer::free_slot() {
    while (sessions_.contains(next_slot_)) next_slot_ = (next_slot_ + 1) % 1000;
    unsigned slot = next_slot_;
    next_slot_ = (next_slot_ + 1) % 1000;
    return slot;
}

void SshServer::open_session(Connection connection, std::shared_ptr<Place> place) {
    boost::system::error_code error;
    connection.set_option(asio::ip::tcp::no_delay(true), error);
    unsigned slot = free_slot();
    UniqueFd client(connection.release());
    set_nonblocking(client.get(), false);
    SocketPair control = make_socket_pair();
    Child child;
    child.arguments = {"seed-session", "--remote", place->from};
    child.descriptors = {{client.get(), 3}, {control.theirs.get(), 4}, {core_.host_key(), 5}};
    child.cage.uid = uids::session_base + slot;
    child.cage.memory_bytes = session_memory;
    child.cage.open_files = 256;
    if (geteuid() == uids::front) child.cage.processes = 32;   // counts per uid: a session has its own only then
    auto process = std::make_shared<Process>(start(std::move(child)));
    core_.hand_over(ArrivalKind::session, place->from, std::move(control.ours));   // when it throws, the process ends
    sessions_[slot] = process;
    spawn_task(executor_, "session", watch(process, slot, std::move(place)));
}

void SshServer::turn_away(std::shared_ptr<Connection> connection, std::string why) {
    if (refusing_ < most_refusals) spawn_task(executor_, "refusal", refuse(std::move(connection), std::move(why)));
}

// What the client has sent by then must be read, or the kernel would throw our words away with the connection.
Task<void> SshServer::refuse(std::shared_ptr<Connection> client, std::string why) {
    ++refusing_;
    boost::system::error_code error;
    std::string words = ssh_refusal(why);
    asio::steady_timer patience(executor_, std::chrono::seconds(2));
    patience.async_wait([client](boost::system::error_code stopped) {
        boost::system::error_code ignored;
        if (!stopped) client->close(ignored);
    });
    co_await asio::async_write(*client, asio::buffer(words), asio::redirect_error(asio::use_awaitable, error));
    if (!error) client->shutdown(asio::ip::tcp::socket::shutdown_send, error);
    char rest[4096];
    for (size_t read = 0; !error && read < 256u << 10;)
        read += co_await client->async_read_some(asio::buffer(rest), asio::redirect_error(asio::use_awaitable, error));
    patience.cancel();
    --refusing_;
}

Task<void> SshServer::watch(std::shared_ptr<Process> session, unsigned slot, std::shared_ptr<Place> place) {
    Call call("session", std::chrono::hours(24));
    std::string why;
    try {
        ExitStatus status = co_await wait_for_exit(*session, call);
        if (status.signalled && core_.is_there()) why = status.to_string();
    } catch (const std::exception &error) {
        why = error.what();
    }
    if (!why.empty()) log_warning("front", "session from " + place->from + ": " + why);
    sessions_.erase(slot);
}

}  // namespace seed::front
