// A TCP server that does one thing wrong, whatever is sent to it.
#pragma once
#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <thread>

#include <seed/util/fd.h>

namespace seed::conformance {

enum class Fault { refuse, hang, reset, drip, too_many, broken, garbage, endless };
inline constexpr std::array all_faults = {Fault::refuse, Fault::hang, Fault::reset, Fault::drip, Fault::too_many, Fault::broken, Fault::garbage, Fault::endless};
std::string_view name_of(Fault fault);      // "too-many": in ids
std::string_view to_string(Fault fault);    // "answers 429": after "a backend that"
bool fault_is_slow(Fault fault);            // only a deadline ends it

class FaultServer {
public:
    explicit FaultServer(Fault fault);   // on a free port of 127.0.0.1
    ~FaultServer();
    std::string host() const { return "127.0.0.1"; }
    int port() const { return port_; }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    int connections() const { return connections_; }   // Fault::refuse: always 1, nothing can be counted

private:
    void run();
    void serve(int client);
    const Fault fault_;
    UniqueFd listener_, wake_;
    int port_ = 0;
    std::atomic<int> connections_{0};
    std::thread thread_;
};

}  // namespace seed::conformance
