#include "core/front/front_link.h"

#include <fcntl.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/base/log.h"

namespace seed::front {
namespace {

constexpr size_t most_strangers = 4;                      // at once; others are just closed
constexpr auto hello_patience = std::chrono::seconds(10);
constexpr size_t most_of_one_kind = 4;                    // of the fronts that are one process each; the old one may not have been seen to end

void limit_wait(std::shared_ptr<FrameStream> stream, asio::steady_timer &timer) {
    timer.async_wait([stream](boost::system::error_code stopped) {
        if (!stopped) stream->close();
    });
}

}  // namespace

FrontLink::FrontLink(asio::any_io_executor executor, FrontSettings settings, Serve serve)
    : executor_(executor), settings_(std::move(settings)), serve_(std::move(serve)), greeted_(executor) {
    if (settings_.keep_sockets)
        for (const auto &[name, address] : settings_.addresses)
            if (!settings_.sockets.contains(name)) settings_.sockets[name] = listen_on(address);
    for (const auto &[name, socket] : settings_.sockets) ports_[name] = listening_address(socket.get()).port;
}

uint16_t FrontLink::port(const std::string &name) const {
    auto found = ports_.find(name);
    return found == ports_.end() ? 0 : found->second;
}

void FrontLink::stop() {
    stopped_ = true;
    settings_.sockets.clear();
    if (active_) active_->close();
}

Task<bool> FrontLink::greeted_until(Call::Clock::time_point deadline) {
    bool greeted = co_await greeted_.wait_until(deadline);
    if (!greeted && trouble_) throw Failure(*trouble_);
    co_return greeted;
}

Task<void> FrontLink::serve(UniqueFd channel) {
    if (stopped_ || strangers_ >= most_strangers) co_return;
    auto stream = std::make_shared<FrameStream>(executor_, std::move(channel));
    bool ours = false;
    std::string why;
    ++strangers_;
    try {
        ours = co_await greet(stream);
    } catch (const std::exception &error) {
        why = error.what();
    }
    --strangers_;
    if (ours && !stopped_) {
        active_ = stream;
        greeted_.set();
        try {
            co_await take_arrivals(stream);
        } catch (const std::exception &error) {
            why = error.what();
        }
        active_.reset();
        greeted_.clear();
        if (!stopped_) log_warning("front", "seed-front is gone: nobody new is served until there is another" + (why.empty() ? "" : " (" + why + ")"));
    } else if (!why.empty()) {
        log_warning("front", "a channel was dropped: " + why);
    }
    stream->close();
}

// True: the stream is that of our seed-front from now on.
Task<bool> FrontLink::greet(std::shared_ptr<FrameStream> stream) {
    asio::steady_timer patience(executor_, hello_patience);
    limit_wait(stream, patience);
    auto frame = co_await stream->receive(channel_frame_limit);
    patience.cancel();
    if (!frame) co_return false;
    Hello hello = read_hello(std::move(*frame));
    Greeting greeting;
    std::vector<UniqueFd> opened;
    try {
        greeting = answer(hello, opened);
        if (greeting.release.empty() && greeting.refusal.empty()) trouble_.reset();
    } catch (const Failure &failure) {   // a port is taken, most likely
        trouble_ = failure;
        greeting.refusal = failure.what();
    }
    bool welcome = greeting.release.empty() && greeting.refusal.empty();
    if (!greeting.refusal.empty()) log_warning("front", "a seed-front is refused: " + greeting.refusal);
    std::vector<int> descriptors;
    UniqueFd host_key;
    if (welcome) {
        host_key = open_file(settings_.host_key_file, O_RDONLY);
        descriptors.push_back(host_key.get());
        for (const auto &name : greeting.sockets) {
            auto kept = settings_.sockets.find(name);
            if (kept != settings_.sockets.end()) descriptors.push_back(kept->second.get());
        }
        for (const auto &socket : opened) descriptors.push_back(socket.get());
    }
    stream->post(write_greeting(greeting), descriptors);
    co_return welcome;
}

// What we keep is offered first, then what is opened now: in the order of Greeting::sockets.
Greeting FrontLink::answer(Hello &hello, std::vector<UniqueFd> &opened) {
    Greeting greeting;
    greeting.limits = settings_.limits;
    if (hello.version != settings_.version)
        greeting.refusal = "it is of version " + hello.version + ", seedd of " + settings_.version + "; start seed-front anew";
    else if (active_)
        greeting.refusal = "another seed-front is connected; stop it first";
    if (!greeting.refusal.empty()) return greeting;
    std::map<std::string, uint16_t> held;
    for (const auto &socket : hello.sockets) {
        Address here = listening_address(socket.fd.get());
        auto wanted = settings_.addresses.find(socket.name);
        if (wanted != settings_.addresses.end() && (socket.given || serves(here, wanted->second)))
            held[socket.name] = here.port;
        else
            greeting.release.push_back(socket.name);
    }
    if (!greeting.release.empty()) return greeting;
    for (const auto &[name, socket] : settings_.sockets)
        if (!held.contains(name)) greeting.sockets.push_back(name);
    for (auto &[name, address] : settings_.addresses) {
        if (held.contains(name) || settings_.sockets.contains(name)) continue;
        opened.push_back(listen_on(address));
        held[name] = listening_address(opened.back().get()).port;
        address.port = held[name];   // the next seed-front shall have the same
        greeting.sockets.push_back(name);
    }
    for (const auto &[name, port] : held) ports_[name] = port;
    return greeting;
}

Task<void> FrontLink::take_arrivals(std::shared_ptr<FrameStream> stream) {
    for (;;) {
        auto frame = co_await stream->receive(channel_frame_limit);
        if (!frame || stopped_) co_return;
        auto arrival = std::make_shared<Arrival>(read_arrival(std::move(*frame)));
        if (may_arrive(arrival->kind)) spawn_task(executor_, "connection", serve_arrival(std::move(arrival)));
    }
}

// seed-front counts processes, we count peers, which end a moment later: twice as many are accepted.
bool FrontLink::may_arrive(ArrivalKind kind) {
    size_t most = kind == ArrivalKind::session ? 2 * settings_.limits.connections : most_of_one_kind;
    if (open_[kind] < most) return true;
    if (dropped_++ % 1000 == 0) log_warning("front", "seed-front opens more connections than it may; the last ones are closed");
    return false;
}

Task<void> FrontLink::serve_arrival(std::shared_ptr<Arrival> arrival) {
    ArrivalKind kind = arrival->kind;
    ++open_[kind];
    std::exception_ptr failure;
    try {
        co_await serve_(std::move(arrival->control), kind, arrival->remote);
    } catch (...) {
        failure = std::current_exception();
    }
    --open_[kind];
    if (failure) std::rethrow_exception(failure);
}

}  // namespace seed::front
