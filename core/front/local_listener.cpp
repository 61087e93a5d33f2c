#include "core/front/local_listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/redirect_error.hpp>

#include <seed/util/file.h>
#include <seed/util/frame.h>

#include "core/base/log.h"

namespace seed::front {

LocalListener::LocalListener(asio::any_io_executor executor, Settings settings, Serve serve)
    : settings_(std::move(settings)), serve_(std::move(serve)), listening_(executor) {
    UniqueFd socket = listen_unix(settings_.path, 0600);
    if (settings_.user != 0) change_owner(settings_.path, settings_.user, settings_.user);
    set_nonblocking(socket.get(), true);
    listening_.assign(socket.release());
}

void LocalListener::stop() {
    stopped_ = true;
    listening_.close();
}

Task<void> LocalListener::run() {
    while (!stopped_) {
        boost::system::error_code error;
        co_await listening_.async_wait(asio::posix::stream_descriptor::wait_read,
                                       asio::redirect_error(asio::use_awaitable, error));
        if (error || stopped_) co_return;
        UniqueFd peer(::accept4(listening_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!peer) continue;
        auto who = peer_credentials(peer.get());
        if (who.uid != 0 && who.uid != geteuid() && who.uid != settings_.user) {
            log_warning("front", "refusing uid " + std::to_string(who.uid) + " on " + settings_.purpose);
            continue;
        }
        spawn_task(listening_.get_executor(), settings_.purpose, serve_(std::move(peer)));
    }
}

}  // namespace seed::front
