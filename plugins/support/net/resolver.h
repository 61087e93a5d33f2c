// The guests' resolver.  Names of their tenant from the network state; the rest is asked of the platform's server (the zone) or
// of the host's resolver, each question from a fresh socket with a random id.
//
//   who asks            known by its source address (the rules make it true); strangers are refused
//   a known name        AAAA: the service address; other types: no data
//   a bare name else    does not exist; it never leaves the platform
//   in the zone         the platform's DNS server        anything else: the host's resolver
#pragma once
#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <string>

#include "plugins/support/net/dns_message.h"
#include "plugins/support/net/event_loop.h"
#include "plugins/support/net/host_side.h"
#include "plugins/support/net/net_client.h"

namespace seed::net {

class Resolver {
public:
    Resolver(EventLoop &loop, UniqueFd upstream);
    void add_udp(UniqueFd socket);
    void add_tcp(UniqueFd listener);
    void set_state(const NetworkState &state);
    void tick();

private:
    using Clock = std::chrono::steady_clock;
    using Reply = std::function<void(const std::string &packet)>;
    struct Pending {  // a question that is out
        dns::Question question;
        uint16_t id = 0;
        Upstream kind{};
        Address guest;
        Reply reply;
        bool tcp = false;
        UniqueFd socket;
        uint64_t watch = 0;
        std::string in, out;  // TCP
        Clock::time_point deadline;
    };
    using PendingHandle = std::list<Pending>::iterator;
    struct Stream {  // a guest's TCP connection
        UniqueFd socket;
        uint64_t watch = 0;
        Endpoint guest;
        std::string in, out;
        bool busy = false;  // one question at a time
        Clock::time_point deadline;
    };
    using StreamHandle = std::list<Stream>::iterator;
    struct Guest {
        size_t pending = 0, streams = 0;
        double tokens = 0;
        Clock::time_point filled;
    };

    void read_udp(int socket);
    void accept_tcp(int listener);
    void stream_ready(StreamHandle stream, uint32_t events);
    void stream_work(StreamHandle stream);
    void close_stream(StreamHandle stream);
    void ask(std::string_view packet, const Address &guest, bool tcp, const Reply &reply);
    void forward(dns::Question question, const Address &guest, bool tcp, const Reply &reply);
    void send_out(PendingHandle pending, UniqueFd socket);
    void upstream_ready(PendingHandle pending, uint32_t events);
    void finish(PendingHandle pending, const std::string &packet);
    void give_up(PendingHandle pending);
    void want_sockets(Upstream kind);
    void take_sockets();

    EventLoop &loop_;
    UniqueFd upstream_;
    std::list<UniqueFd> sockets_;
    std::map<Address, uint32_t> tenants_;
    std::map<std::string, Address> global_;
    std::map<std::pair<uint32_t, std::string>, Address> bare_;
    std::string zone_;
    std::string dns_server_;
    std::map<Upstream, std::deque<UniqueFd>> stock_;
    std::map<Upstream, bool> asked_;
    Clock::time_point stocked_{};  // old stock leads to where resolv.conf pointed once
    std::list<Pending> pending_;   // on their way
    std::list<Pending> waiting_;   // for a socket
    std::list<Stream> streams_;
    std::map<Address, Guest> guests_;
};

}  // namespace seed::net
