// Accepts SSH connections and gives each to a `seed-session` process of its own right after accept, before the first byte is
// read.
//
// Each session has a free uid and a cage, the connection, a socket to seedd, and the host key; nothing else.  While there is no seedd
// connections wait for it, a bounded time.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include "core_link.h"

namespace seed::front {

class SshServer {
public:
    // `patience`: how long a connection waits for seedd.  `core` outlives us.
    SshServer(asio::any_io_executor executor, CoreLink &core, std::chrono::milliseconds patience);
    void listen(int socket);   // borrowed; accepts from it from now on
    void close();              // accepts no more; sessions go on
    void end_sessions();       // at once

private:
    using Connection = asio::ip::tcp::socket;
    struct Place;   // one of the connections that may be open, until its end

    Task<void> accept(std::shared_ptr<asio::ip::tcp::acceptor> acceptor);
    void admit(Connection connection);
    Task<void> wait_for_core(std::shared_ptr<Connection> connection, std::shared_ptr<Place> place);
    void open_session(Connection connection, std::shared_ptr<Place> place);
    Task<void> watch(std::shared_ptr<Process> session, unsigned slot, std::shared_ptr<Place> place);
    void turn_away(std::shared_ptr<Connection> connection, std::string why);
    Task<void> refuse(std::shared_ptr<Connection> connection, std::string why);
    unsigned free_slot();

    asio::any_io_executor executor_;
    CoreLink &core_;
    std::chrono::milliseconds patience_;
    std::shared_ptr<asio::ip::tcp::acceptor> acceptor_;
    std::map<unsigned, std::shared_ptr<Process>> sessions_;  // by slot; the slot gives the uid
    std::map<std::string, size_t> from_;                     // connections by peer address
    size_t open_ = 0;                                        // those that wait included
    unsigned next_slot_ = 0;
    size_t refusing_ = 0;  // connections that are being told why
};

}  // namespace seed::front
