// One `seed-http` process for all connections of a listening socket, started again when it ends.  Of kind metrics: the one for the
// operator's monitoring.
//
// It belongs to the seedd that was there when it was started.  When there has been none for a while, one is started that tells all who
// come to come again.
#pragma once
#include <memory>

#include "core_link.h"

namespace seed::front {

class HttpServer {
public:
    HttpServer(asio::any_io_executor executor, CoreLink &core, ArrivalKind kind, std::chrono::milliseconds patience);   // `core` outlives us
    void listen(int socket);   // borrowed; served from now on
    void close();              // its process ends
    void start_anew();         // seedd has come or gone

private:
    Task<void> run();
    void begin(bool there);

    asio::any_io_executor executor_;
    CoreLink &core_;
    ArrivalKind kind_;
    std::chrono::milliseconds patience_;
    UniqueFd listening_;
    std::shared_ptr<Process> process_;
    bool running_ = false, expected_ = false;   // its end
};

}  // namespace seed::front
