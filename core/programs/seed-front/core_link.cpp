#include "core_link.h"

#include <seed/util/failure.h>

#include "core/base/log.h"

namespace seed::front {

CoreLink::CoreLink(asio::any_io_executor executor, std::map<std::string, UniqueFd> given) : executor_(executor), there_(executor) {
    for (auto &[name, socket] : given) listening_[name] = {std::move(socket), /*given=*/true};
}

int CoreLink::listening(const std::string &name) const {
    auto found = listening_.find(name);
    return found == listening_.end() ? -1 : found->second.fd.get();
}

void CoreLink::hand_over(ArrivalKind kind, const std::string &remote, UniqueFd control) {
    if (!is_there()) throw Failure(Code::unavailable, "seedd is not there");
    stream_->post(write_arrival(kind, remote), {control.get()});
}

Task<void> CoreLink::look_for(std::string path) {
    for (;;) {
        std::string trouble;
        try {
            UniqueFd channel = connect_unix(path);
            co_await speak_over(std::move(channel));
        } catch (const std::exception &error) {
            trouble = error.what();
        }
        if (!trouble.empty() && trouble != last_trouble_) log_warning("front", "seedd cannot be reached: " + trouble);
        last_trouble_ = trouble;
        co_await sleep_for(std::chrono::milliseconds(200));
    }
}

Task<void> CoreLink::speak_over(UniqueFd channel) {
    auto stream = std::make_shared<FrameStream>(executor_, std::move(channel));
    if (!co_await introduce(stream)) co_return;
    last_trouble_.clear();
    stream_ = stream;
    there_.set();
    log_info("front", "seedd is there");
    if (events_.came) events_.came();
    std::string why;
    try {
        auto more = co_await stream->receive(channel_frame_limit);
        if (more) why = "it says what it never says";
    } catch (const std::exception &error) {
        why = error.what();
    }
    there_.clear();
    stream_.reset();
    stream->close();
    log_info("front", "seedd is gone; who comes now waits for the next one" + (why.empty() ? "" : " (" + why + ")"));
    if (events_.went) events_.went();
}

// True: we were greeted.
Task<bool> CoreLink::introduce(std::shared_ptr<FrameStream> stream) {
    Hello hello{SEED_VERSION, {}};
    std::vector<int> descriptors;
    for (const auto &[name, one] : listening_) {
        hello.sockets.push_back({name, one.given, one.fd.duplicate()});
        descriptors.push_back(hello.sockets.back().fd.get());
    }
    stream->post(write_hello(hello), descriptors);
    auto frame = co_await stream->receive(channel_frame_limit);
    if (!frame) throw Failure(Code::unavailable, "it closed the channel");
    Greeting greeting = read_greeting(*frame);
    if (!greeting.refusal.empty()) throw Failure(Code::denied, greeting.refusal);
    for (const auto &name : greeting.release) {
        if (events_.released) events_.released(name);
        listening_.erase(name);
    }
    if (!greeting.release.empty()) co_return false;
    take(greeting, std::move(frame->descriptors));
    co_return true;
}

void CoreLink::take(const Greeting &greeting, std::vector<UniqueFd> descriptors) {
    limits_ = greeting.limits;
    host_key_ = std::move(descriptors[0]);
    for (size_t n = 0; n < greeting.sockets.size(); ++n) {
        const std::string &name = greeting.sockets[n];
        listening_[name] = {std::move(descriptors[n + 1]), /*given=*/false};
        if (events_.listening) events_.listening(name);
    }
}

}  // namespace seed::front
