// seedd's end of the channel to seed-front (front_channel.h): says what to listen on, takes the control ends of the processes that
// were started for connections, and serves each as what it is.
//
// Who holds the other end is not trusted beyond that: it may claim any address for a connection and open as many peers as are allowed,
// none of which is the operator.  One channel at a time.  One thread.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <seed/util/failure.h>

#include "core/base/frame_stream.h"
#include "core/front/front_channel.h"
#include "core/front/listening_socket.h"

namespace seed::front {

struct FrontSettings {
    std::string version;                       // seed-front must be of the same
    std::map<std::string, Address> addresses;  // where to listen, by name
    std::map<std::string, UniqueFd> sockets;   // listening already, by name: in place of the addresses
    std::string host_key_file;
    ConnectionLimits limits;
    // Sockets are opened at once and stay open here for the next seed-front, so that who connects meanwhile waits.  Otherwise they are
    // opened when a seed-front comes without them, and are its own.
    bool keep_sockets = true;
};

class FrontLink {
public:
    using Serve = std::function<Task<void>(UniqueFd control, ArrivalKind kind, const std::string &remote)>;   // `remote` is gone when it returns

    FrontLink(asio::any_io_executor executor, FrontSettings settings, Serve serve);
    // The channel of a seed-front, until it ends; throws nothing.
    Task<void> serve(UniqueFd channel);
    // False: the time came before any was greeted.  Failure: why the last one that came could not be.
    Task<bool> greeted_until(Call::Clock::time_point deadline);
    void stop();   // the channel ends, and with it all connections

    uint16_t port(const std::string &name) const;  // 0: not known yet, or not configured
    bool has_one() const { return active_ != nullptr; }

private:
    Greeting answer(Hello &hello, std::vector<UniqueFd> &opened);
    Task<bool> greet(std::shared_ptr<FrameStream> stream);
    Task<void> take_arrivals(std::shared_ptr<FrameStream> stream);
    Task<void> serve_arrival(std::shared_ptr<Arrival> arrival);
    bool may_arrive(ArrivalKind kind);

    asio::any_io_executor executor_;
    FrontSettings settings_;
    Serve serve_;
    Event greeted_;
    std::shared_ptr<FrameStream> active_;
    std::map<std::string, uint16_t> ports_;
    std::map<ArrivalKind, size_t> open_;
    std::optional<Failure> trouble_;
    size_t strangers_ = 0;   // channels that have not been greeted
    size_t dropped_ = 0;
    bool stopped_ = false;
};

}  // namespace seed::front
