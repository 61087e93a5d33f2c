#include "core/front/listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <seed/util/file.h>
#include <seed/util/frame.h>

#include "core/base/log.h"
#include "core/front/ssh_refusal.h"

namespace seed::front {
namespace {

constexpr size_t most_refusals = 64;  // being told at the same time; others are just closed
constexpr uint64_t session_memory = 512ull << 20;

asio::ip::tcp::acceptor listen_on(asio::any_io_executor executor, const Address &address) {
    boost::system::error_code error;
    if (address.inherited >= 0) {
        sockaddr_storage bound{};
        socklen_t size = sizeof bound;
        asio::ip::tcp::acceptor acceptor(executor);
        if (getsockname(address.inherited, reinterpret_cast<sockaddr *>(&bound), &size)) fail_errno("the socket that was handed over");
        if (bound.ss_family != AF_INET && bound.ss_family != AF_INET6) throw Failure(Code::invalid, "the socket that was handed over is not of TCP");
        acceptor.assign(bound.ss_family == AF_INET ? asio::ip::tcp::v4() : asio::ip::tcp::v6(), address.inherited);
        return acceptor;
    }
    auto ip = asio::ip::make_address(address.host, error);
    if (error) throw Failure(Code::invalid, "listen address " + address.host + " is not an IP address");
    asio::ip::tcp::endpoint endpoint(ip, address.port);
    asio::ip::tcp::acceptor acceptor(executor);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(asio::ip::tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error)
        throw Failure(Code::unavailable, "cannot listen on " + address.host + " port " + std::to_string(address.port) + ": " +
                                             error.message() + "; is another server there?");
    return acceptor;
}

std::vector<std::string> child_environment() {
    std::vector<std::string> environment = log_environment();
    environment.insert(environment.end(), {"PATH=/usr/bin", "LANG=C.UTF-8"});
    return environment;
}

Task<void> accept_one(asio::ip::tcp::acceptor &acceptor, asio::ip::tcp::socket &connection, boost::system::error_code &error) {
    co_await acceptor.async_accept(connection, asio::redirect_error(asio::use_awaitable, error));
}

}  // namespace

Address parse_address(const std::string &text) {
    auto colon = text.rfind(':');
    if (colon == std::string::npos) throw Failure(Code::invalid, "address " + text + " has no port; write ADDRESS:PORT");
    std::string host = text.substr(0, colon), port = text.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos || std::stoi(port) > 65535)
        throw Failure(Code::invalid, "address " + text + ": the port is not a number from 0 to 65535");
    return {host, static_cast<uint16_t>(std::stoi(port)), -1};
}

SshListener::SshListener(Api &api, asio::any_io_executor executor, const Address &address, std::string host_key_file)
    : api_(api), acceptor_(listen_on(executor, address)), host_key_file_(std::move(host_key_file)) {}

void SshListener::stop() {
    stopped_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    sessions_.clear();  // kills them
}

Task<void> SshListener::run() {
    while (!stopped_) {
        boost::system::error_code error;
        asio::ip::tcp::socket connection(acceptor_.get_executor());
        co_await accept_one(acceptor_, connection, error);
        if (stopped_) co_return;
        if (error) {  // out of descriptors, mostly: wait until sessions end
            log_warning("front", "accepting a connection failed: " + error.message());
            co_await sleep_for(std::chrono::milliseconds(200));
            continue;
        }
        try {
            open_session(std::move(connection));
        } catch (const std::exception &failure) {
            log_warning("front", "a session could not be started: " + std::string(failure.what()));
        }
    }
}

void SshListener::open_session(asio::ip::tcp::socket connection) {
    boost::system::error_code error;
    std::string from = connection.remote_endpoint(error).address().to_string();
    if (error) return;
    const Hosting &limits = api_.hosting();
    auto same = from_.find(from);
    std::string why;
    if (same != from_.end() && size_t(same->second) >= limits.connections_per_address)
        why = "your address has " + std::to_string(same->second) + " connections open, as many as the platform allows; close one and try again";
    else if (sessions_.size() >= limits.connections)
        why = "all connections of the platform are taken; try again in a minute";
    if (!why.empty()) {
        log_warning("front", "refusing a connection from " + from + ": too many sessions");
        if (refusing_ < most_refusals) spawn_task(acceptor_.get_executor(), "refusal", refuse(std::move(connection), std::move(why)));
        return;
    }
    connection.set_option(asio::ip::tcp::no_delay(true), error);
    while (sessions_.contains(next_slot_)) next_slot_ = (next_slot_ + 1) % 1000;
    unsigned slot = next_slot_;
    next_slot_ = (next_slot_ + 1) % 1000;

    UniqueFd client(connection.release());
    set_nonblocking(client.get(), false);
    SocketPair control = make_socket_pair();
    UniqueFd host_key = open_file(host_key_file_, O_RDONLY);
    SpawnOptions options;
    options.arguments = {(program_directory() / "seed-session").string(), "--remote", from};
    options.environment = child_environment();
    options.descriptors = {{STDERR_FILENO, 2}, {client.get(), 3}, {control.theirs.get(), 4}, {host_key.get(), 5}};
    Cage cage;
    cage.uid = uids::session_base + slot;
    cage.read = {program_directory()};
    cage.memory_bytes = session_memory;
    cage.open_files = 256;
    cage.network = false;  // it has its connection
    if (geteuid() == 0) cage.processes = 32;   // counts per uid: a session has its own only then
    options.cage = cage;
    auto process = std::make_shared<Process>(Process::spawn(options));
    sessions_[slot] = process;
    ++from_[from];
    auto executor = acceptor_.get_executor();
    spawn_task(executor, "session api", api_.serve(std::move(control.ours), PeerKind::session));
    spawn_task(executor, "session", watch(process, slot, from));
}

// What the client has sent by then must be read, or the kernel would throw our words away with the connection.
Task<void> SshListener::refuse(asio::ip::tcp::socket connection, std::string why) {
    ++refusing_;
    boost::system::error_code error;
    std::string words = ssh_refusal(why);
    auto client = std::make_shared<asio::ip::tcp::socket>(std::move(connection));
    asio::steady_timer patience(client->get_executor(), std::chrono::seconds(2));
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

Task<void> SshListener::watch(std::shared_ptr<Process> session, unsigned slot, std::string from) {
    Call call("session", std::chrono::hours(24));
    std::string why;
    try {
        ExitStatus status = co_await wait_for_exit(*session, call);
        if (status.signalled) why = status.to_string();
    } catch (const std::exception &error) {
        why = error.what();
    }
    if (!why.empty() && !stopped_) log_warning("front", "session from " + from + ": " + why);
    if (stopped_) co_return;
    sessions_.erase(slot);
    if (--from_[from] <= 0) from_.erase(from);
}

HttpFront::HttpFront(Api &api, asio::any_io_executor executor, const Address &address, PeerKind kind)
    : api_(api), executor_(executor), kind_(kind) {
    auto acceptor = listen_on(executor, address);
    port_ = acceptor.local_endpoint().port();
    listening_.reset(acceptor.release());
    set_nonblocking(listening_.get(), false);
}

void HttpFront::stop() {
    stopped_ = true;
    if (process_) process_->kill_group();
}

Task<void> HttpFront::run() {
    while (!stopped_) {
        std::string why;
        try {
            SocketPair control = make_socket_pair();
            SpawnOptions options;
            options.arguments = {(program_directory() / "seed-http").string()};
            if (kind_ == PeerKind::metrics) options.arguments.push_back("--metrics");
            options.environment = child_environment();
            options.descriptors = {{STDERR_FILENO, 2}, {listening_.get(), 3}, {control.theirs.get(), 4}};
            Cage cage;
            cage.uid = uids::http;
            cage.read = {program_directory()};
            cage.connect_ports = std::vector<uint16_t>{};
            cage.network = false;  // it accepts from what it was given
            cage.memory_bytes = 1ull << 30;
            options.cage = cage;
            process_ = std::make_shared<Process>(Process::spawn(options));
            control.theirs.reset();
            spawn_task(executor_, "http api", api_.serve(std::move(control.ours), kind_));
            Call call("http front", std::chrono::hours(24 * 365));
            ExitStatus status = co_await wait_for_exit(*process_, call);
            why = status.to_string();
        } catch (const std::exception &error) {
            why = error.what();
        }
        if (stopped_) co_return;
        log_warning("front", "seed-http ended (" + why + "); starting it again");
        co_await sleep_for(std::chrono::milliseconds(500));
    }
}

OperatorListener::OperatorListener(Api &api, asio::any_io_executor executor, const std::string &path)
    : api_(api), listening_(executor) {
    UniqueFd socket = listen_unix(path, 0600);
    set_nonblocking(socket.get(), true);
    listening_.assign(socket.release());
}

void OperatorListener::stop() {
    stopped_ = true;
    listening_.close();
}

Task<void> OperatorListener::run() {
    while (!stopped_) {
        boost::system::error_code error;
        co_await listening_.async_wait(asio::posix::stream_descriptor::wait_read,
                                       asio::redirect_error(asio::use_awaitable, error));
        if (error || stopped_) co_return;
        UniqueFd peer(::accept4(listening_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!peer) continue;
        auto who = peer_credentials(peer.get());
        if (who.uid != 0 && who.uid != geteuid()) {
            log_warning("front", "refusing uid " + std::to_string(who.uid) + " on the operator's socket");
            continue;
        }
        spawn_task(listening_.get_executor(), "operator", api_.serve(std::move(peer), PeerKind::operator_));
    }
}

}  // namespace seed::front
