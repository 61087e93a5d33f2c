#include "core/providers/session.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <seed/util/file.h>
#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "core/base/log.h"
#include "core/providers/manifest.h"
#include "core/providers/plugin_server.h"
#include "core/providers/schema.h"

namespace seed::providers {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto close_patience = 5s;            // for the host to close the provider once we are gone
constexpr auto conversation_patience = 60s;    // for a git conversation when another call hangs
constexpr uint64_t memory_limit = 8ull << 30;  // of address space; a bound for runaways, not a budget
constexpr int abi_of_ports = 4;                // of Landlock, for TCP

std::string host_program() {
    const char *folder = std::getenv("SEED_LIBEXEC");
    fs::path path = (folder ? fs::path(folder) : program_directory()) / "seed-plugin-host";
    if (access(path.c_str(), X_OK) != 0) {
        throw Failure(Code::not_found, "the program " + path.string() + " is missing: it is installed beside seedd");
    }
    return path.string();
}

std::vector<std::string> environment_of(const ProviderSettings &settings) {
    std::vector<std::string> environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
                                            "HOME=" + settings.state_directory};
    for (auto &entry : log_environment()) environment.push_back(std::move(entry));
    for (const char *name : {"SEED_LIBEXEC", "SEED_CONTROL_GROUP", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
        if (const char *value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
    }
    return environment;
}

Cage cage_of(const ProviderSettings &settings) {
    Cage cage;
    if (settings.uid != 0) cage.uid = settings.uid;
    for (const char *path :
         {"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/ssl", "/etc/passwd", "/etc/localtime"}) {
        if (fs::exists(path)) cage.read.emplace_back(path);
    }
    cage.read.push_back(fs::path(settings.path).parent_path());
    cage.read.push_back(fs::path(host_program()).parent_path());
    for (const auto &path : settings.read_paths) cage.read.emplace_back(path);
    cage.write.emplace_back(settings.state_directory);
    for (const auto &path : settings.grants.read_paths) cage.read.emplace_back(path);
    for (const auto &path : settings.grants.write_paths) cage.write.emplace_back(path);
    cage.network = settings.grants.network;
    cage.memory_bytes = settings.grants.memory_bytes > 0 ? settings.grants.memory_bytes : memory_limit;
    // As an ordinary user all of his processes count: a limit would be met by innocents.
    cage.processes = settings.grants.processes > 0 ? settings.grants.processes : settings.uid != 0 && geteuid() == 0 ? usual_processes : 0;
    cage.connect_ports = settings.grants.tcp_ports;
    if (cage.connect_ports && cage.network && landlock_abi() < abi_of_ports) {
        log_warning(settings.plugin, "this kernel (Landlock ABI " + std::to_string(landlock_abi()) + ", 4 is needed) does not keep it to its TCP ports: it may connect to any");
    }
    cage.open_files = 4096;
    return cage;
}

}  // namespace

Task<void> wait_or_stop(asio::any_io_executor executor, Waiter waiter, const Call &call) {
    // Cancellation may come from any thread; the event belongs to the context.
    auto interest = call.on_cancel([executor, waiter] { asio::post(executor, [waiter] { waiter->set(); }); });
    co_await waiter->wait_until(call.deadline());
}

Session::~Session() {
    shut_down();
}

void Session::start_process(SocketPair &sockets) {
    Pipe output = make_pipe();
    SpawnOptions options;
    options.arguments = {host_program(), settings_.path, settings_.plugin, settings_.kind};
    options.environment = environment_of(settings_);
    options.descriptors = {{output.write.get(), 1}, {output.write.get(), 2}, {sockets.theirs.get(), 3}};
    if (!settings_.privileged) {
        options.cage = cage_of(settings_);
        if (!settings_.platform.empty()) group_ = HostGroup(settings_.platform, settings_.plugin, settings_.grants);
        options.cgroups = group_.folders();
    }
    process_ = Process::spawn(options);
    asio::co_spawn(
        executor_,
        [self = shared_from_this(), fd = output.read.release()]() -> Task<void> { return self->read_output(UniqueFd(fd)); },
        asio::detached);
}

void Session::start_inline(SocketPair &sockets) {
    inline_running_ = std::make_shared<std::atomic<bool>>(true);
    ServerOptions options{settings_.path, settings_.plugin, settings_.kind};
    options.patience = 24h;  // nothing can end a hanging call but itself
    inline_thread_ = std::thread([socket = sockets.theirs.release(), options, running = inline_running_]() mutable {
        serve_plugin(UniqueFd(socket), options);
        *running = false;
    });
}

Task<void> Session::load(const Call &call) {
    auto self = shared_from_this();
    SocketPair sockets = make_socket_pair();
    if (settings_.isolation == Isolation::process)
        start_process(sockets);
    else
        start_inline(sockets);
    sockets.theirs.reset();
    stream_ = std::make_unique<FrameStream>(executor_, std::move(sockets.ours));
    asio::co_spawn(
        executor_, [self]() -> Task<void> { return self->read_frames(); }, asio::detached);
    if (process_.running())
        asio::co_spawn(
            executor_, [self]() -> Task<void> { return self->watch_process(); }, asio::detached);

    co_await wait_for_step(is_loaded_, call, "loading");
    compare_with_manifest();
    check_config(settings_.plugin, loaded_.value("config_schema", ""), settings_.config);
    secrets_ = Secrets(loaded_.value("config_schema", ""), settings_.config);
}

Task<void> Session::open(const Call &call) {
    auto self = shared_from_this();
    if (!is_loaded_) co_await load(call);
    json open = {{"config", settings_.config},
                 {"state_dir", settings_.state_directory},
                 {"deadline_ns", call.deadline().time_since_epoch().count()}};
    std::string frame = to_json_text(json{{"open", open}});
    co_await stream_->send(frame);
    co_await wait_for_step(opened_, call, "opening");
    opened_at_ = Call::Clock::now();
}

Task<void> Session::wait_for_step(const bool &step, const Call &call, const std::string &what) {
    while (!step) {
        if (failed_) throw *failed_;
        if (ended_) throw Failure(Code::unavailable, settings_.plugin + ": while " + what + ": " + reason_);
        if (call.cancelled()) call.check();
        if (call.remaining() <= Call::Clock::duration::zero()) {
            throw Failure(Code::timeout, settings_.plugin + ": " + what + " the plugin took too long");
        }
        Waiter waiter = new_waiter();
        co_await wait_or_stop(executor_, waiter, call);
    }
}

Task<void> Session::send(std::shared_ptr<Pending> pending, const Call &call, const std::string &request_id, const json &request,
                         const std::vector<int> &descriptors) {
    auto self = shared_from_this();
    pending->number = next_number_++;
    pending_[pending->number] = pending;
    // Written by hand: a request may be long, and would be copied into each object around it.
    std::string frame = R"({"call":{"id":)" + std::to_string(pending->number);
    frame.append(R"(,"slot":)").append(to_json_text(json(pending->slot)));
    frame.append(R"(,"name":)").append(to_json_text(json(call.id())));
    frame.append(R"(,"request_id":)").append(to_json_text(json(request_id)));
    frame.append(R"(,"deadline_ns":)").append(std::to_string(call.deadline().time_since_epoch().count()));
    frame.append(R"(,"request":)").append(to_json_text(request)).append("}}");
    if (frame.size() > frame_limit) {
        forget(pending);
        throw Failure(Code::limit, settings_.plugin + " " + pending->slot + ": a request of " + std::to_string(frame.size()) +
                                       " bytes does not fit a frame");
    }
    co_await stream_->send(frame, descriptors);
}

Task<void> Session::cancel(std::shared_ptr<Pending> pending) {
    auto self = shared_from_this();
    if (ended_ || closing_) co_return;
    std::string frame = "{\"cancel\":" + std::to_string(pending->number) + "}";
    try {
        co_await stream_->send(frame);
    } catch (const Failure &) {
        // The reader notices the end and tells everybody.
    }
}

void Session::forget(const std::shared_ptr<Pending> &pending) {
    pending_.erase(pending->number);
    close_if_drained();
}

bool Session::offers(const std::string &slot) const {
    auto slots = loaded_.find("slots");
    return slots != loaded_.end() &&
           std::any_of(slots->begin(), slots->end(), [&](const json &one) { return one.is_string() && one.get_ref<const std::string &>() == slot; });
}

// What was read before the plugin ran must be what it says now: its cage was made from it.
void Session::compare_with_manifest() {
    if (settings_.manifest.is_null()) return;
    json now = loaded_;
    now["config_schema"] = parse_json(loaded_.value("config_schema", "").empty() ? "{}" : loaded_["config_schema"].get<std::string>(), "config_schema");
    for (const char *member : {"version", "contract", "config_schema"}) {
        if (now.value(member, json()) != settings_.manifest.value(member, json())) {
            throw Failure(Code::invalid, settings_.plugin + ": its manifest " + manifest_path(settings_.path) + " differs in '" + member +
                                             "' from what it says: install plugin and manifest together");
        }
    }
}

Task<void> Session::read_frames() {
    auto self = shared_from_this();
    std::string reason;
    try {
        for (;;) {
            auto frame = co_await stream_->receive();
            if (!frame || closing_) break;
            handle(std::move(*frame));
        }
    } catch (const std::exception &error) {
        reason = settings_.plugin + ": broken frame from the plugin host: " + error.what();
    }
    bool stuck_inline = doomed_ && settings_.isolation == Isolation::inline_;  // close_if_drained() ends that
    if (!closing_ && !stuck_inline) {
        stream_->close();
        co_await reap();
        if (!reason.empty()) reason_ = reason;
        end(reason_);
    }
}

// The end of the connection is not enough: what a plugin forked without exec holds the host's end of it too, and would keep a dead host
// looking alive for ever.
Task<void> Session::watch_process() {
    auto self = shared_from_this();
    UniqueFd copy(fcntl(process_.pidfd(), F_DUPFD_CLOEXEC, 3));
    if (!copy) co_return;
    asio::posix::stream_descriptor descriptor(executor_, copy.release());
    boost::system::error_code error;
    co_await descriptor.async_wait(asio::posix::stream_descriptor::wait_read, asio::redirect_error(asio::use_awaitable, error));
    if (error || ended_ || closing_) co_return;
    co_await sleep_for(200ms);   // for what it said before its end
    if (!ended_ && !closing_) stream_->close();
}

// Waits for the process to be gone, with its exit status in reason_.
Task<void> Session::reap() {
    if (!process_.running()) {
        reason_ = doomed_ ? reason_ : settings_.plugin + ": the plugin's connection ended";
        co_return;
    }
    if (doomed_) process_.kill_group();
    Call patience("reap " + settings_.plugin, close_patience);
    std::string ended;
    try {
        ExitStatus status = co_await wait_for_exit(process_, patience);
        ended = status.to_string();
    } catch (const std::exception &) {
        ended = "did not end and was killed";
    }
    std::string met = group_.limits_met();
    // A call that was being waited for may have shut us down meanwhile.
    if (!doomed_ && !closing_) reason_ = settings_.plugin + ": the plugin host ended unexpectedly (" + ended + ")" + (met.empty() ? "" : ": " + met);
    if (!closing_) group_.end();
}

void Session::handle(Frame frame) {
    json message = parse_json(frame.body, "frame");
    if (auto found = message.find("item"); found != message.end()) {
        handle_item(std::move(*found), std::move(frame.descriptors));
    } else if (auto found = message.find("done"); found != message.end()) {
        handle_done(std::move(*found), std::move(frame.descriptors));
    } else if (auto found = message.find("log"); found != message.end()) {
        int level = found->value("level", static_cast<int>(SEED_INFO));
        LogLevel levels[] = {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error};
        log(levels[std::clamp(level, 0, 3)], settings_.plugin, printable(secrets_.masked(found->value("text", "")), 8192), found->value("call", ""));
    } else if (auto found = message.find("progress"); found != message.end()) {
        auto pending = pending_.find(found->value("call", uint64_t{0}));
        std::string doing = printable(secrets_.masked(found->value("doing", "")), 1024);
        // A plugin may tell each percent; people want each new phrase once.
        if (pending != pending_.end() && pending->second->on_progress && doing != pending->second->doing) {
            pending->second->doing = doing;
            pending->second->on_progress(doing);
        }
    } else if (auto found = message.find("loaded"); found != message.end()) {
        loaded_ = *found;
        is_loaded_ = true;
        wake_all();
    } else if (message.contains("opened")) {
        opened_ = true;
        wake_all();
    } else if (auto found = message.find("failed"); found != message.end()) {
        std::string text = secrets_.masked(found->value("text", ""));
        if (text.find(settings_.plugin) == std::string::npos) text = settings_.plugin + ": " + text;
        failed_.emplace(code_from_int(found->value("code", 10)), text);
        wake_all();
    }
}

void Session::handle_item(json item, std::vector<UniqueFd> descriptors) {
    auto found = pending_.find(item.value("call", uint64_t{0}));
    if (found == pending_.end()) return;  // its caller has left
    auto pending = found->second;
    pending->body = std::move(item.at("body"));
    if (!pending->on_item || pending->stop) return;
    try {
        pending->on_item(pending->body, std::move(descriptors));
    } catch (...) {
        pending->broken = std::current_exception();
        pending->stop.emplace(Code::cancelled, "the reader of the stream left");
        pending->wake->set();
    }
}

void Session::handle_done(json done, std::vector<UniqueFd> descriptors) {
    auto found = pending_.find(done.value("call", uint64_t{0}));
    if (found == pending_.end()) return;
    auto pending = found->second;
    pending->code = code_from_int(done.value("code", 10));
    pending->text = secrets_.masked(done.value("text", ""));
    if (pending->code != Code::ok)
        if (std::string met = group_.limits_met(); !met.empty()) {
            log_warning(settings_.plugin, met);
            pending->text += " (" + met + ")";
        }
    pending->retry_after_ms = done.value("retry_after_ms", int64_t{0});
    if (auto body = done.find("body"); body != done.end()) {
        pending->body = std::move(*body);
        if (!descriptors.empty() && pending->on_item) pending->on_item(pending->body, std::move(descriptors));
    }
    pending->finished = true;
    pending->wake->set();
    pending_.erase(found);
    close_if_drained();
}

// What a plugin writes to stdout or stderr is no channel of ours: each line is a warning.
Task<void> Session::read_output(UniqueFd pipe) {
    auto self = shared_from_this();
    std::string name = settings_.plugin, line;
    asio::posix::stream_descriptor stream(executor_, pipe.release());
    std::array<char, 4096> buffer;
    auto say = [&] {
        if (!line.empty()) log_warning(name, "wrote: " + printable(secrets_.masked(line)));
        line.clear();
    };
    for (;;) {
        boost::system::error_code error;
        size_t count = co_await stream.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
        if (error) break;
        for (size_t i = 0; i < count; ++i) {
            if (buffer[i] == '\n' || line.size() > 4000) say();
            if (buffer[i] != '\n') line += buffer[i];
        }
    }
    say();
}

void Session::doom(const std::string &reason) {
    if (doomed_ || ended_ || closing_) return;
    doomed_ = true;
    reason_ = reason;
    log_error(settings_.plugin, reason);
    stop_pending([](const Pending &pending) { return pending.flow == Flow::stream; }, reason);
    asio::co_spawn(
        executor_, [self = shared_from_this()]() -> Task<void> { return self->drain(conversation_patience); }, asio::detached);
    close_if_drained();
}

// Ends what is still pending when the patience is over.
Task<void> Session::drain(std::chrono::milliseconds patience) {
    auto self = shared_from_this();
    Call limit("drain " + settings_.plugin, patience);
    while (!ended_ && !closing_ && limit.remaining() > Call::Clock::duration::zero()) {
        Waiter waiter = new_waiter();
        co_await wait_or_stop(executor_, waiter, limit);
    }
    if (ended_ || closing_) co_return;
    stop_pending([](const Pending &) { return true; }, reason_);
}

void Session::stop_pending(bool (*which)(const Pending &), const std::string &reason) {
    for (auto &[number, pending] : pending_) {
        if (pending->stop || !which(*pending)) continue;
        pending->stop.emplace(Code::unavailable, settings_.plugin + " is being restarted: " + reason);
        pending->wake->set();
    }
}

Task<void> Session::retire(std::string reason, std::chrono::milliseconds patience) {
    auto self = shared_from_this();
    if (ended_ || closing_ || retiring_) co_return;
    retiring_ = true;
    reason_ = reason;
    auto wait_drained = [this](std::chrono::milliseconds limit) -> Task<void> {
        Call time("retire " + settings_.plugin, limit);
        while (!pending_.empty() && !ended_ && time.remaining() > Call::Clock::duration::zero()) {
            Waiter waiter = new_waiter();
            co_await wait_or_stop(executor_, waiter, time);
        }
    };
    stop_pending([](const Pending &pending) { return pending.flow == Flow::stream; }, reason);
    co_await wait_drained(patience);
    if (!pending_.empty()) {
        stop_pending([](const Pending &) { return true; }, reason);
        co_await wait_drained(close_patience);
    }
    if (ended_ || closing_) co_return;
    closing_ = true;
    stream_->close();
    if (process_.running()) {
        Call limit("close " + settings_.plugin, close_patience);
        try {
            co_await wait_for_exit(process_, limit);
        } catch (const Failure &) {
            log_warning(settings_.plugin, "the host that is replaced did not close in order and was killed");
        }
    }
    group_.end();
    end(settings_.plugin + ": " + reason);
}

void Session::close_if_drained() {
    if (retiring_ && pending_.empty()) wake_all();
    if (!doomed_ || ended_ || closing_ || !pending_.empty()) return;
    // The reader sees the end, kills what is left and calls end().  Inline, the end comes when the hanging call returns.
    if (settings_.isolation == Isolation::process) {
        process_.kill_group();
        return;
    }
    asio::co_spawn(
        executor_,
        [self = shared_from_this()]() -> Task<void> {
            self->stream_->close();
            while (*self->inline_running_) co_await sleep_for(50ms);
            self->end(self->reason_);
        },
        asio::detached);
}

void Session::end(const std::string &reason) {
    if (ended_) return;
    ended_ = true;
    reason_ = reason;
    auto pending = std::move(pending_);
    pending_.clear();
    for (auto &[number, call] : pending) {
        call->finished = true;
        call->code = Code::unavailable;
        call->text = reason;
        call->wake->set();
    }
    wake_all();
}

void Session::shut_down() {
    if (closing_) return;
    closing_ = true;
    if (stream_) stream_->close();
    if (process_.running()) {
        try {
            if (doomed_ || !process_.wait(close_patience)) process_.kill_group();
        } catch (const Failure &) {
            process_.kill_group();
        }
    }
    group_.end();
    if (inline_thread_.joinable()) {
        auto limit = Call::Clock::now() + close_patience;
        while (*inline_running_ && Call::Clock::now() < limit) std::this_thread::sleep_for(1ms);
        if (*inline_running_) {
            log_error(settings_.plugin, "a call does not end; inline plugins cannot be stopped, its thread is left behind");
            inline_thread_.detach();
        } else {
            inline_thread_.join();
        }
    }
    end(settings_.plugin + ": shut down");
}

Waiter Session::new_waiter() {
    auto waiter = std::make_shared<Event>(executor_);
    waiters_.push_back(waiter);
    return waiter;
}

void Session::wake_all() {
    for (auto &waiter : std::exchange(waiters_, {})) waiter->set();
}

Task<void> Session::wait_ended() {
    auto self = shared_from_this();
    while (!ended_) {
        Waiter waiter = new_waiter();
        co_await waiter->wait();
    }
}

}  // namespace seed::providers
