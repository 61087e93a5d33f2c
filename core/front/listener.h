// Accepts SSH connections and gives each to a `seed-session` process of its own right after accept, before the first byte is
// read.
//
// Each session has a free uid and a cage, the connection, a socket to us, and the host key; nothing else.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include "core/front/api.h"

namespace seed::front {

struct Address {
    std::string host;   // IPv4 or IPv6 text
    uint16_t port = 0;  // 0: a free one
    int inherited = -1;  // a socket that listens already, ours from now on; the rest then says nothing
};
Address parse_address(const std::string &text);  // "127.0.0.1:22", "[::]:22"

class SshListener {
public:
    SshListener(Api &api, asio::any_io_executor executor, const Address &address, std::string host_key_file);
    uint16_t port() const { return acceptor_.local_endpoint().port(); }
    Task<void> run();
    void stop();

private:
    void open_session(asio::ip::tcp::socket connection);
    Task<void> refuse(asio::ip::tcp::socket connection, std::string why);
    Task<void> watch(std::shared_ptr<Process> session, unsigned slot, std::string from);

    Api &api_;
    asio::ip::tcp::acceptor acceptor_;
    std::string host_key_file_;
    std::map<unsigned, std::shared_ptr<Process>> sessions_;  // by slot; the slot gives the uid
    std::map<std::string, int> from_;                        // connections by peer address
    unsigned next_slot_ = 0;
    size_t refusing_ = 0;  // connections that are being told why
    bool stopped_ = false;
};

// The HTTP front: one `seed-http` process for all connections, started again when it ends.  Of kind metrics: the one for the
// operator's monitoring, on a listener of its own.
class HttpFront {
public:
    HttpFront(Api &api, asio::any_io_executor executor, const Address &address, PeerKind kind = PeerKind::http);
    uint16_t port() const { return port_; }
    Task<void> run();
    void stop();

private:
    Api &api_;
    asio::any_io_executor executor_;
    UniqueFd listening_;
    uint16_t port_ = 0;
    PeerKind kind_;
    std::shared_ptr<Process> process_;
    bool stopped_ = false;
};

// The operator's socket: only root and the user the platform runs as may connect.
class OperatorListener {
public:
    OperatorListener(Api &api, asio::any_io_executor executor, const std::string &path);
    Task<void> run();
    void stop();

private:
    Api &api_;
    asio::posix::stream_descriptor listening_;
    bool stopped_ = false;
};

}  // namespace seed::front
