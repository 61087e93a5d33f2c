// seed-front's end of the channel to seedd (core/front/front_channel.h).
//
// The channel is inherited, and its end is ours; or seedd listens on a UNIX socket, and when it goes another one is waited for: what
// listens keeps listening, but nobody who was served by the former seedd is by the next one.  One thread.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/base/frame_stream.h"
#include "core/front/front_channel.h"

namespace seed::front {

class CoreLink {
public:
    struct Events {
        std::function<void(const std::string &name)> listening;  // a socket has come that is to be served
        std::function<void(const std::string &name)> released;   // one is closed now
        std::function<void()> came, went;                        // seedd
    };
    // `given`: sockets of the service manager, by name.
    CoreLink(asio::any_io_executor executor, std::map<std::string, UniqueFd> given);
    void watch(Events events) { events_ = std::move(events); }

    Task<void> speak_over(UniqueFd channel);          // until it ends
    Task<void> look_for(std::string path);            // for ever

    bool is_there() const { return there_.is_set(); }
    Event &there() { return there_; }                 // set while seedd has greeted us
    const ConnectionLimits &limits() const { return limits_; }
    int host_key() const { return host_key_.get(); }  // borrowed; -1 before seedd was there
    int listening(const std::string &name) const;     // borrowed; -1: none
    // seedd gets the control end of a process that serves somebody.  Failure(unavailable) when it is not there.
    void hand_over(ArrivalKind kind, const std::string &remote, UniqueFd control);

private:
    Task<bool> introduce(std::shared_ptr<FrameStream> stream);
    void take(const Greeting &greeting, std::vector<UniqueFd> descriptors);

    struct Listening {
        UniqueFd fd;
        bool given = false;
    };
    asio::any_io_executor executor_;
    Events events_;
    Event there_;
    std::map<std::string, Listening> listening_;
    std::shared_ptr<FrameStream> stream_;
    ConnectionLimits limits_;
    UniqueFd host_key_;
    std::string last_trouble_;
};

}  // namespace seed::front
