#include "core/front/client.h"

#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include <seed/util/failure.h>
#include <seed/util/frame.h>

namespace seed::front {

using nlohmann::json;

namespace {

const char *gone = "the platform's daemon is not reachable: it was stopped or is restarting; try again in a moment";

Failure failure_of(const json &error) {
    if (!error.is_object()) return Failure(Code::internal, "malformed error in an answer of seedd");
    return Failure(code_from_string(error.value("code", "internal")), error.value("text", "no reason given"),
                   error.value("retry_after_ms", int64_t{0}));
}

struct Pending {
    std::deque<std::pair<json, size_t>> items;  // with their size in bytes
    std::optional<json> ok;
    std::optional<Failure> error;
    bool streaming = false;
};

}  // namespace

struct Client::State {
    explicit State(UniqueFd s) : socket(std::move(s)) {}

    UniqueFd socket;
    std::mutex sending;  // whole frames only
    std::mutex mutex;    // guards all below
    std::condition_variable changed;
    std::map<uint64_t, Pending *> pending;
    uint64_t next_id = 1;
    size_t backlog = 0;
    bool closed = false;
    std::thread reader;

    void send(const json &body, const std::vector<int> &descriptors) {
        std::lock_guard lock(sending);
        send_frame(socket.get(), body.dump(-1, ' ', false, json::error_handler_t::replace), descriptors);
    }

    void read_loop() {
        try {
            while (auto frame = receive_frame(socket.get())) take(*frame);
        } catch (const std::exception &) {
            // A broken answer ends the connection exactly as a missing one does.
        }
        std::lock_guard lock(mutex);
        closed = true;
        changed.notify_all();
    }

    void take(const Frame &frame) {
        json body = json::parse(frame.body);
        std::unique_lock lock(mutex);
        auto found = pending.find(body.value("id", uint64_t{0}));
        if (found == pending.end()) return;  // given up meanwhile
        if (body.contains("item")) {
            uint64_t id = found->first;
            size_t size = frame.body.size();
            changed.wait(lock, [&] { return closed || backlog < backlog_limit || !pending.contains(id); });
            found = pending.find(id);
            if (found == pending.end() || !found->second->streaming) return;
            backlog += size;
            found->second->items.emplace_back(std::move(body["item"]), size);
        } else if (body.contains("error")) {
            found->second->error = failure_of(body["error"]);
        } else {
            found->second->ok = body.contains("ok") ? std::move(body["ok"]) : json::object();
        }
        changed.notify_all();
    }
};

Client::Client(UniqueFd socket) : state_(std::make_shared<State>(std::move(socket))) {
    state_->reader = std::thread([state = state_.get()] { state->read_loop(); });
}

Client::~Client() {
    {
        std::lock_guard lock(state_->mutex);
        state_->closed = true;
    }
    state_->changed.notify_all();
    ::shutdown(state_->socket.get(), SHUT_RDWR);
    state_->reader.join();
}

json Client::request(const std::string &op, const json &args, Cancellation *cancel, const std::vector<int> &descriptors,
                     const std::function<void()> &on_sent) {
    return run(op, args, nullptr, cancel, descriptors, on_sent);
}

json Client::stream(const std::string &op, const json &args, const Item &on_item, Cancellation *cancel) {
    return run(op, args, on_item, cancel, {}, nullptr);
}

json Client::run(const std::string &op, const json &args, const Item &on_item, Cancellation *cancel,
                 const std::vector<int> &descriptors, const std::function<void()> &on_sent) {
    State &state = *state_;
    Pending mine;
    mine.streaming = bool(on_item);
    uint64_t id;
    {
        std::lock_guard lock(state.mutex);
        if (state.closed) throw Failure(Code::unavailable, gone);
        id = state.next_id++;
        state.pending[id] = &mine;
    }
    // Whatever way this ends, nobody may reach `mine` or the hook afterwards.
    struct Leave {
        State &state;
        uint64_t id;
        Pending &mine;
        Cancellation *cancel;
        ~Leave() {
            if (cancel) cancel->on_cancel(nullptr);
            std::lock_guard lock(state.mutex);
            state.pending.erase(id);
            for (auto &item : mine.items) state.backlog -= item.second;
            state.changed.notify_all();
        }
    } leave{state, id, mine, cancel};
    if (cancel)
        cancel->on_cancel([state = state_] {
            std::lock_guard lock(state->mutex);
            state->changed.notify_all();
        });

    auto give_up = [&] {
        try {
            state.send({{"id", id}, {"cancel", true}}, {});
        } catch (const Failure &) {
            // seedd is gone: nothing left to cancel.
        }
    };
    try {
        state.send({{"id", id}, {"op", op}, {"args", args}}, descriptors);
    } catch (const Failure &) {
        throw Failure(Code::unavailable, gone);
    }
    if (on_sent) on_sent();

    std::unique_lock lock(state.mutex);
    for (;;) {
        state.changed.wait(lock, [&] {
            return !mine.items.empty() || mine.ok || mine.error || state.closed || (cancel && cancel->cancelled());
        });
        if (cancel && cancel->cancelled()) {
            lock.unlock();
            give_up();
            throw Failure(Code::cancelled, "cancelled");
        }
        if (!mine.items.empty()) {
            auto [item, size] = std::move(mine.items.front());
            mine.items.pop_front();
            state.backlog -= size;
            state.changed.notify_all();
            lock.unlock();
            try {
                on_item(item);
            } catch (...) {
                give_up();
                throw;
            }
            lock.lock();
            continue;
        }
        if (mine.error) throw *mine.error;
        if (mine.ok) return std::move(*mine.ok);
        throw Failure(Code::unavailable, gone);
    }
}

}  // namespace seed::front
