// One life of a plugin host: started, opened, asked, ended.  provider.cpp makes a new one when it has died.
//
// Everything runs on one Asio context.  Ended means: no call is pending and the process is gone (inline: its threads are).
#pragma once
#include <atomic>
#include <map>
#include <thread>

#include <seed/util/failure.h>
#include <seed/util/process.h>

#include "core/base/frame_stream.h"
#include "core/providers/contracts.h"
#include "core/providers/host_group.h"
#include "core/providers/provider.h"
#include "core/providers/secrets.h"

namespace seed::providers {

// Wakes one coroutine; shared with whoever may wake it.
using Waiter = std::shared_ptr<Event>;

// Waits until `waiter` is set, the call is cancelled or its deadline passes; the caller looks which it was.
Task<void> wait_or_stop(asio::any_io_executor executor, Waiter waiter, const Call &call);

struct Pending {
    uint64_t number = 0;
    std::string slot;
    Flow flow = Flow::plain;
    Waiter wake;
    bool finished = false;
    Code code = Code::ok;
    std::string text;
    int64_t retry_after_ms = 0;
    json body = json::object();  // of a stream: the last item
    std::function<void(const json &, std::vector<UniqueFd>)> on_item;
    std::function<void(std::string_view)> on_progress;
    std::string doing;            // the last phrase of progress
    std::optional<Failure> stop;  // we want it to end, and this is what the caller gets
    std::exception_ptr broken;    // on_item threw
};

class Session : public std::enable_shared_from_this<Session> {
public:
    Session(asio::any_io_executor executor, const ProviderSettings &settings) : executor_(executor), settings_(settings) {}
    ~Session();

    // Starts, loads, checks identity and configuration.  None of the provider's functions has run yet.  Throws Failure; the session is
    // then ending.
    Task<void> load(const Call &call);
    // load() unless that was done, then opens.  Throws Failure; the session is then ending.
    Task<void> open(const Call &call);

    // Sends a call; the answer arrives in `pending`.  Throws Failure(unavailable).
    Task<void> send(std::shared_ptr<Pending> pending, const Call &call, const std::string &request_id, const json &request,
                    const std::vector<int> &descriptors);
    Task<void> cancel(std::shared_ptr<Pending> pending);
    void forget(const std::shared_ptr<Pending> &pending);  // the caller left

    // A call did not end: take no new calls, let the others drain, end.
    void doom(const std::string &reason);
    // Another one takes its place: no new calls, streams end with unavailable, the others may finish (those that do not within
    // `patience` end with unavailable), then the provider is closed in order.
    Task<void> retire(std::string reason, std::chrono::milliseconds patience);
    void shut_down();  // now; blocks a moment for the host to close in order
    Task<void> wait_ended();

    bool usable() const { return opened_ && !doomed_ && !ended_ && !closing_ && !retiring_; }
    bool retired() const { return retiring_; }
    bool ended() const { return ended_; }
    bool wedged() const { return doomed_ && !ended_ && settings_.isolation == Isolation::inline_; }
    const std::string &reason() const { return reason_; }
    const json &loaded() const { return loaded_; }
    const Secrets &secrets() const { return secrets_; }
    const ProviderSettings &settings() const { return settings_; }
    bool concurrent() const { return loaded_.value("concurrent", false); }
    bool offers(const std::string &slot) const;
    pid_t pid() const { return process_.running() ? process_.pid() : 0; }
    Call::Clock::time_point opened_at() const { return opened_at_; }

private:
    void start_process(SocketPair &sockets);
    void start_inline(SocketPair &sockets);
    Task<void> read_frames();
    Task<void> read_output(UniqueFd pipe);
    Task<void> watch_process();
    Task<void> drain(std::chrono::milliseconds patience);
    Task<void> wait_for_step(const bool &step, const Call &call, const std::string &what);
    Task<void> reap();
    void handle(Frame frame);
    void handle_item(json item, std::vector<UniqueFd> descriptors);
    void handle_done(json done, std::vector<UniqueFd> descriptors);
    void compare_with_manifest();
    void stop_pending(bool (*which)(const Pending &), const std::string &reason);
    void end(const std::string &reason);
    void close_if_drained();
    void wake_all();
    Waiter new_waiter();

    asio::any_io_executor executor_;
    const ProviderSettings settings_;
    std::unique_ptr<FrameStream> stream_;
    Process process_;
    HostGroup group_;   // empty: inline, or none can be had
    std::shared_ptr<std::atomic<bool>> inline_running_;
    std::thread inline_thread_;
    std::map<uint64_t, std::shared_ptr<Pending>> pending_;
    std::vector<Waiter> waiters_;
    uint64_t next_number_ = 1;
    json loaded_ = json::object();
    Secrets secrets_;  // masked in whatever the plugin says
    std::optional<Failure> failed_;
    std::string reason_;
    bool is_loaded_ = false, opened_ = false, doomed_ = false, closing_ = false, ended_ = false, retiring_ = false;
    Call::Clock::time_point opened_at_{};
};

}  // namespace seed::providers
