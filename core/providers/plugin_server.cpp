#include "core/providers/plugin_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <optional>

#include <seed/util/frame.h>
#include <seed/util/log.h>
#include <seed/codec.hpp>

#include "core/providers/frame_turns.h"
#include "core/providers/json_members.h"
#include "core/providers/loader.h"
#include "core/providers/workers.h"

namespace seed::providers {

namespace {

// Streams of all kinds and the calls beside them; beyond that something is wrong and LIMIT says so.
constexpr size_t call_limit = 512;
constexpr size_t kept_cancels = 16;

std::string_view view(seed_text text) {
    return {text.data, text.size};
}
seed_text borrow(const std::string &text) {
    return {text.data(), text.size()};
}

class Server;

// One call as the plugin sees it (the base) and what it has said so far.
struct ServerCall : seed_call {
    Server *server = nullptr;
    uint64_t number = 0;         // 0: open()
    const Slot *slot = nullptr;  // null: open()
    std::string name, request_identity;
    std::string frame;              // as it came
    std::string_view request;       // within it
    std::vector<UniqueFd> received;
    std::vector<int> borrowed;
    UniqueFd cancel;
    bool stopped = false;   // with the server's calls_lock_

    std::mutex lock;  // plugins may report from any thread of theirs
    std::optional<std::string> reply;
    std::vector<UniqueFd> attached;
    std::string text;
    int64_t retry_after_ms = 0;
    bool broken = false;  // it replied with something that cannot be sent

    bool streams() const { return slot && slot->flow != Flow::plain; }
    void stop() {
        stopped = true;
        uint64_t one = 1;
        [[maybe_unused]] ssize_t written = write(cancel.get(), &one, sizeof one);  // readable for ever: nobody reads it
    }
};

struct ServerHost : seed_host {
    Server *server = nullptr;
};

class Server : public std::enable_shared_from_this<Server> {
public:
    Server(UniqueFd socket, ServerOptions options) : socket_(std::move(socket)), options_(std::move(options)), turns_(socket_.get()) {
        host_.size = sizeof(seed_host);
        host_.server = this;
        host_.log = on_log;
        host_.extension = [](const seed_host *, const char *) -> const void * { return nullptr; };
        host_.progress = on_progress;
        host_.reply = on_reply;
        host_.attach = on_attach;
        host_.fail = on_fail;
    }

    bool run();

private:
    // The life of each thread: takes a frame when it is its turn and carries it out.
    void serve();
    bool another_reads();
    void end();
    // What frames ask for.  open() and cancel() are done when they return; start() returns when the call has ended.
    void load();
    void open(const json &request);
    void start(std::string frame, std::vector<UniqueFd> descriptors);
    void cancel(uint64_t number);

    std::shared_ptr<ServerCall> register_call(std::string frame, std::vector<UniqueFd> descriptors, seed_op &operation);
    void unregister(const std::shared_ptr<ServerCall> &call);
    void prepare(ServerCall &call, int64_t deadline_ns);
    void execute(const std::shared_ptr<ServerCall> &call, seed_op operation);
    void finish(ServerCall &call, seed_code code);
    void fail_call(uint64_t number, Code code, const std::string &text);
    // Sends; a core that is gone is noticed by the reader, not here.
    void send(const std::string &body, std::vector<UniqueFd> descriptors = {});

    static void on_log(const seed_host *host, seed_level level, seed_text message);
    static void on_progress(const seed_call *call, int32_t permille, seed_text doing);
    static void on_reply(const seed_call *call, seed_text json);
    static int32_t on_attach(const seed_call *call, int fd);
    static seed_code on_fail(const seed_call *call, seed_code code, int64_t retry_after_ms, seed_text why);
    static ServerCall &of(const seed_call *call) { return *const_cast<ServerCall *>(static_cast<const ServerCall *>(call)); }

    UniqueFd socket_;
    ServerOptions options_;
    ServerHost host_{};
    std::string state_directory_;
    LoadedPlugin plugin_;
    void *self_ = nullptr;
    bool concurrent_ = false;

    FrameTurns turns_;
    std::atomic<size_t> readers_ = 0;   // threads that wait for their turn, have it, or are on their way there
    std::promise<void> over_;
    std::atomic<bool> ended_ = false;
    std::mutex send_lock_;
    std::mutex exclusive_;  // held by a call that may not overlap others
    std::mutex calls_lock_;
    std::map<uint64_t, std::shared_ptr<ServerCall>> calls_;
    std::vector<UniqueFd> unused_cancels_;   // of calls that ended without being stopped, for the next ones; with calls_lock_
    std::shared_ptr<Workers> workers_ = std::make_shared<Workers>(call_limit + 1);
};

std::string failed_frame(Code code, const std::string &text) {
    return to_json_text(json{{"failed", {{"code", static_cast<int>(code)}, {"text", text}}}});
}

template <typename Number>
Number number_of(std::string_view value, const char *what) {
    Number number{};
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size()) throw Failure(Code::invalid, std::string("frame: '") + what + "' is no number");
    return number;
}

std::string text_of(std::string_view value, const char *what) {
    json text = parse_json(value.empty() ? "null" : value, what);
    if (!text.is_string()) throw Failure(Code::invalid, std::string("frame: '") + what + "' is no text");
    return std::move(text.get_ref<std::string &>());
}

void Server::load() {
    plugin_ = load_plugin(options_.path, options_.id, options_.kind);
    const seed_provider &provider = *plugin_.provider;
    concurrent_ = provider.flags & SEED_CONCURRENT;
    json slots = json::array();
    for (const Slot &slot : plugin_.contract->slots) {
        if (operation_of(provider.ops, slot)) slots.push_back(slot.name);
    }
    auto text = [](const char *value) { return value ? value : ""; };
    send(to_json_text(json{{"loaded",
                            {{"id", text(provider.id)},
                             {"version", text(provider.version)},
                             {"contract", text(provider.contract)},
                             {"summary", text(provider.summary)},
                             {"config_schema", text(provider.config_schema)},
                             {"concurrent", concurrent_},
                             {"slots", slots}}}}));
}

void Server::open(const json &request) {
    state_directory_ = request.at("state_dir").get<std::string>();
    host_.state_dir = borrow(state_directory_);
    ServerCall call;
    call.name = "open";
    prepare(call, request.at("deadline_ns").get<int64_t>());
    std::string config = request.at("config").dump();
    seed_code code;
    try {
        code = plugin_.provider->open(&host_, &call, borrow(config), &self_);
    } catch (...) {
        throw Failure(Code::internal, "open() let an exception escape: a bug of the plugin");
    }
    if (code != SEED_OK) throw Failure(code_from_int(code), call.text.empty() ? "open() failed without a reason" : call.text);
    send(R"({"opened":{}})");
}

void Server::prepare(ServerCall &call, int64_t deadline_ns) {
    call.server = this;
    call.size = sizeof(seed_call);
    call.id = borrow(call.name);
    call.request_id = borrow(call.request_identity);
    call.deadline_ns = deadline_ns;
    {
        std::lock_guard guard(calls_lock_);
        if (!unused_cancels_.empty()) {
            call.cancel = std::move(unused_cancels_.back());
            unused_cancels_.pop_back();
        }
    }
    if (!call.cancel) call.cancel.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    call.cancel_fd = call.cancel.get();
    for (const UniqueFd &descriptor : call.received) call.borrowed.push_back(descriptor.get());
    call.fd_count = static_cast<uint32_t>(call.borrowed.size());
    call.fds = call.borrowed.data();
}

// Null: answered already, with a failure.
std::shared_ptr<ServerCall> Server::register_call(std::string frame, std::vector<UniqueFd> descriptors, seed_op &operation) {
    auto call = std::make_shared<ServerCall>();
    call->frame = std::move(frame);
    auto members = json_members(value_of(json_members(call->frame), "call"));
    call->number = number_of<uint64_t>(value_of(members, "id"), "id");
    std::string slot_name = text_of(value_of(members, "slot"), "slot");
    call->slot = plugin_.contract->find(slot_name);
    operation = call->slot ? operation_of(plugin_.provider->ops, *call->slot) : nullptr;
    if (!operation) {
        fail_call(call->number, Code::unsupported, "this provider has no operation '" + slot_name + "'");
        return nullptr;
    }
    call->name = text_of(value_of(members, "name"), "name");
    call->request_identity = text_of(value_of(members, "request_id"), "request_id");
    call->request = value_of(members, "request");
    if (call->request.empty()) throw Failure(Code::invalid, "frame: 'request' is missing");
    call->received = std::move(descriptors);
    prepare(*call, number_of<int64_t>(value_of(members, "deadline_ns"), "deadline_ns"));
    if (!call->cancel) {
        fail_call(call->number, Code::limit, "the plugin host has no descriptors left");
        return nullptr;
    }
    std::lock_guard guard(calls_lock_);
    calls_[call->number] = call;
    return call;
}

void Server::unregister(const std::shared_ptr<ServerCall> &call) {
    std::lock_guard guard(calls_lock_);
    calls_.erase(call->number);
    if (!call->stopped && unused_cancels_.size() < kept_cancels) unused_cancels_.push_back(std::move(call->cancel));
}

// True when some other thread will take the next frame; one is made when there is none.
bool Server::another_reads() {
    if (readers_ > 1) return true;
    ++readers_;
    if (workers_->run([self = shared_from_this()] { self->serve(); })) return true;
    --readers_;
    return false;
}

// On the thread whose turn it is.
void Server::start(std::string frame, std::vector<UniqueFd> descriptors) {
    seed_op operation = nullptr;
    std::shared_ptr<ServerCall> call = register_call(std::move(frame), std::move(descriptors), operation);
    if (call && !another_reads()) {
        unregister(call);
        fail_call(call->number, Code::limit, "more than " + std::to_string(call_limit) + " calls are running in this provider");
        call = nullptr;
    }
    if (!call) return turns_.pass_on();
    --readers_;
    turns_.pass_on();
    execute(call, operation);
    ++readers_;
}

void Server::execute(const std::shared_ptr<ServerCall> &call, seed_op operation) {
    auto began = std::chrono::steady_clock::now();
    std::unique_lock<std::mutex> alone(exclusive_, std::defer_lock);
    if (!concurrent_ && !call->streams()) alone.lock();
    seed_code code;
    try {
        code = operation(self_, call.get(), {call->request.data(), call->request.size()});
    } catch (...) {
        code = SEED_INTERNAL;
        call->text = "'" + std::string(call->slot->name) + "' let an exception escape: a bug of the plugin";
    }
    if (alone) alone.unlock();
    unregister(call);
    if (logs(LogLevel::debug)) {
        auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count();
        json line = {{"level", static_cast<int>(SEED_DEBUG)},
                     {"text", std::string(call->slot->name) + " ended with code " + std::to_string(code) + " after " + std::to_string(took) + " ms"},
                     {"call", call->request_identity}};
        send(to_json_text(json{{"log", line}}));
    }
    finish(*call, code);
}

void Server::finish(ServerCall &call, seed_code code) {
    std::unique_lock guard(call.lock);
    std::string head = R"({"done":{"call":)" + std::to_string(call.number) + R"(,"code":)";
    if (call.broken && code == SEED_OK) code = SEED_INTERNAL;
    if (code == SEED_OK) {
        head += '0';
        if (!call.streams()) head.append(R"(,"body":)").append(call.reply ? *call.reply : "{}");
        return send(head.append("}}"), std::move(call.attached));
    }
    Code known = code_from_int(code);
    if (call.text.empty()) call.text = std::string(to_string(known)) + " (the plugin gave no reason)";
    json done = {{"call", call.number}, {"code", static_cast<int>(known)}, {"text", call.text}};
    if (call.retry_after_ms > 0) done["retry_after_ms"] = call.retry_after_ms;
    send(to_json_text(json{{"done", done}}));
}

void Server::fail_call(uint64_t number, Code code, const std::string &text) {
    send(to_json_text(json{{"done", {{"call", number}, {"code", static_cast<int>(code)}, {"text", text}}}}));
}

void Server::cancel(uint64_t number) {
    std::lock_guard guard(calls_lock_);
    if (auto found = calls_.find(number); found != calls_.end()) found->second->stop();
}

void Server::send(const std::string &body, std::vector<UniqueFd> descriptors) {
    std::vector<int> raw;
    for (const UniqueFd &descriptor : descriptors) raw.push_back(descriptor.get());
    std::lock_guard guard(send_lock_);
    try {
        send_frame(socket_.get(), body, raw);
    } catch (const Failure &) {
    }
}

void Server::on_log(const seed_host *host, seed_level level, seed_text message) {
    auto *server = static_cast<const ServerHost *>(host)->server;
    json line = {{"level", level}, {"text", view(message).substr(0, 8192)}, {"call", ""}};
    server->send(to_json_text(json{{"log", line}}));
}

void Server::on_progress(const seed_call *raw, int32_t permille, seed_text doing) {
    ServerCall &call = of(raw);
    json line = {{"call", call.number}, {"permille", permille}, {"doing", view(doing).substr(0, 1024)}};
    call.server->send(to_json_text(json{{"progress", line}}));
}

void Server::on_reply(const seed_call *raw, seed_text text) {
    ServerCall &call = of(raw);
    std::lock_guard guard(call.lock);
    bool valid = text.size < frame_limit - 256 && json::accept(view(text));
    if (!valid) {
        call.broken = true;
        call.text =
            "a reply of " + std::to_string(text.size) + " bytes is not JSON, or does not fit a frame: a bug of the plugin";
        return;
    }
    if (!call.streams()) {
        call.reply = std::string(view(text));
        return;
    }
    std::string frame = R"({"item":{"call":)" + std::to_string(call.number) + R"(,"body":)";
    call.server->send(frame.append(view(text)) + "}}", std::move(call.attached));
    call.attached.clear();
}

int32_t Server::on_attach(const seed_call *raw, int fd) {
    ServerCall &call = of(raw);
    std::lock_guard guard(call.lock);
    if (call.attached.size() >= frame_descriptors) return -1;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return -1;
    call.attached.emplace_back(copy);
    return static_cast<int32_t>(call.attached.size() - 1);
}

seed_code Server::on_fail(const seed_call *raw, seed_code code, int64_t retry_after_ms, seed_text why) {
    ServerCall &call = of(raw);
    std::lock_guard guard(call.lock);
    call.text = std::string(view(why).substr(0, 16384));
    call.retry_after_ms = retry_after_ms;
    return code;
}

void Server::serve() {
    try {
        while (auto frame = turns_.take()) {
            auto members = json_members(frame->body);
            if (auto open_it = value_of(members, "open"); !open_it.empty()) {
                open(parse_json(open_it, "frame"));
                turns_.pass_on();
            } else if (!value_of(members, "call").empty()) {
                start(std::move(frame->body), std::move(frame->descriptors));
            } else {
                if (auto number = value_of(members, "cancel"); !number.empty()) cancel(number_of<uint64_t>(number, "cancel"));
                turns_.pass_on();
            }
        }
    } catch (const Failure &failure) {
        send(failed_frame(failure.code(), failure.what()));
    } catch (const std::exception &error) {
        send(failed_frame(Code::internal, error.what()));
    }
    end();
}

void Server::end() {
    turns_.end();
    if (!ended_.exchange(true)) over_.set_value();
}

bool Server::run() {
    // Plugin code never runs on the thread that has to notice when it does not end.
    ++readers_;
    bool started = workers_->run([self = shared_from_this()] {
        try {
            self->load();
        } catch (const Failure &failure) {
            self->send(failed_frame(failure.code(), failure.what()));
            return self->end();
        } catch (const std::exception &error) {
            self->send(failed_frame(Code::internal, error.what()));
            return self->end();
        }
        self->serve();
    });
    if (started) over_.get_future().wait();
    else send(failed_frame(Code::limit, "no thread can be started in the plugin host"));
    {
        std::lock_guard guard(calls_lock_);
        for (auto &[number, call] : calls_) call->stop();
    }
    // Nobody reads any more: a sender must not wait for room.
    shutdown(socket_.get(), SHUT_RDWR);
    // close() needs a thread too, so it is the last task of the workers' own.
    bool drained = workers_->finish(options_.patience);
    if (drained && self_) {
        workers_ = std::make_shared<Workers>(1);
        auto self = shared_from_this();
        workers_->run([self] { self->plugin_.provider->close(self->self_); });
        drained = workers_->finish(options_.patience);
    }
    return drained;
}

}  // namespace

bool serve_plugin(UniqueFd socket, const ServerOptions &options) {
    return std::make_shared<Server>(std::move(socket), options)->run();
}

}  // namespace seed::providers
