#include "core/conformance/driver.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <thread>

#include <seed/util/file.h>
#include <seed/util/text.h>
#include <seed/codec.hpp>

namespace seed::conformance {

namespace {

using Clock = std::chrono::steady_clock;

seed_text borrow(const std::string &text) { return {text.data(), text.size()}; }
std::string_view view(seed_text text) { return {text.data, text.size}; }

std::string upper(std::string_view text) {
    std::string result(text);
    for (char &c : result) c = static_cast<char>(toupper(c));
    return result;
}

// A call as the plugin sees it and what it has said so far.  Shared with the thread that runs it: a call that is given up may
// still be written to.
struct Running : seed_call {
    std::string name, identity, request;
    UniqueFd cancel{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    std::vector<int> given;
    std::shared_ptr<Heard> heard;
    std::mutex lock;
    std::condition_variable ended;
    bool done = false;
    int attached = 0;
    Outcome outcome;
};
Running &of(const seed_call *call) { return *const_cast<Running *>(static_cast<const Running *>(call)); }

std::atomic<unsigned> counter{0};
// A call that was given up still runs in its instance, so nothing may be closed or freed any more; the process ends soon.
std::atomic<bool> abandoned{false};

}  // namespace

void Heard::add(std::string_view words) {
    std::lock_guard guard(lock);
    if (text.size() < (16u << 20)) text.append(words).append("\n");
}
std::string Heard::all() {
    std::lock_guard guard(lock);
    return text;
}

json Outcome::reply() const {
    if (replies.empty()) return json::object();
    if (!json::accept(replies.back())) fail("replied with what is not JSON: " + printable(replies.back(), 200));
    return json::parse(replies.back());
}

std::string Outcome::to_string() const {
    if (raw == 0) return "OK";
    bool known = raw > 0 && raw <= SEED_INTERNAL;
    return (known ? upper(seed::to_string(code)) : "code " + std::to_string(raw)) + (text.empty() ? "" : ": " + printable(text, 300));
}

Plugin::Plugin(const Subject &subject) {
    try {
        loaded_ = providers::load_plugin(subject.path, subject.id, subject.kind);
    } catch (const Failure &failure) {
        fail(failure.what());
    }
}

seed_op Plugin::operation(const std::string &slot) const {
    const providers::Slot *found = contract().find(slot);
    return found ? providers::operation_of(provider().ops, *found) : nullptr;
}

std::vector<std::string> Plugin::slots() const {
    std::vector<std::string> names;
    for (const auto &slot : contract().slots) {
        if (operation(std::string(slot.name))) names.emplace_back(slot.name);
    }
    return names;
}

json Plugin::config_schema() const {
    const char *text = provider().config_schema;
    if (!text || !*text) return json::object();
    return parse_json(text, "config_schema");
}

struct Instance::HostTable : seed_host {
    std::shared_ptr<Heard> heard;
    std::string state_directory;

    HostTable(std::shared_ptr<Heard> listener, std::string folder) : heard(std::move(listener)), state_directory(std::move(folder)) {
        size = sizeof(seed_host);
        state_dir = borrow(state_directory);
        log = [](const seed_host *host, seed_level, seed_text message) {
            static_cast<const HostTable *>(host)->heard->add(view(message));
        };
        extension = [](const seed_host *, const char *) -> const void * { return nullptr; };
        progress = [](const seed_call *call, int32_t, seed_text doing) { of(call).heard->add(view(doing)); };
        reply = [](const seed_call *call, seed_text text) {
            Running &running = of(call);
            running.heard->add(view(text));
            std::lock_guard guard(running.lock);
            if (running.outcome.replies.size() < 100'000) running.outcome.replies.emplace_back(view(text));
        };
        attach = [](const seed_call *call, int) -> int32_t {
            Running &running = of(call);
            std::lock_guard guard(running.lock);
            return running.attached < 16 ? running.attached++ : -1;
        };
        fail = [](const seed_call *call, seed_code code, int64_t retry_after_ms, seed_text why) {
            Running &running = of(call);
            running.heard->add(view(why));
            std::lock_guard guard(running.lock);
            running.outcome.text = std::string(view(why));
            running.outcome.retry_after_ms = retry_after_ms;
            return code;
        };
    }
};

std::string state_directory(const Subject &subject, const std::string &name) {
    std::string path = subject.work + "/" + name;
    make_directory(path, 0711);   // as private as a provider whose programs have a user of their own can bear
    return path;
}

Instance::Instance(const Plugin &plugin, const Subject &subject, const std::string &name)
    : Instance(plugin, state_directory(subject, name), subject.config.dump()) {
    if (!opened_.ok()) seed::conformance::fail("open() with the given configuration answers " + opened_.to_string());
}

Instance::Instance(const Plugin &plugin, const std::string &state_directory, const std::string &config_text)
    : plugin_(plugin), host_(std::make_unique<HostTable>(heard_, state_directory)) {
    open(config_text);
}

Instance::~Instance() {
    if (abandoned) {
        [[maybe_unused]] auto *left_behind = host_.release();
        return;
    }
    try {
        close();
    } catch (const Finding &) {
        // Checks that want to know call close(); here another finding is on its way out.
    }
}

namespace {

// Runs `body` on a thread of its own and waits for its end.  The thread is gone afterwards, so that plugins which count on
// thread-local things, and checks that count threads, see what the core does.
template <typename Body>
void run_call(const std::shared_ptr<Running> &running, const CallOptions &options, const std::string &what, Body body) {
    auto begin = Clock::now();
    auto until_stop = options.cancel_after.count() >= 0 ? options.cancel_after : std::max(options.deadline, 0ms);
    auto patience = options.patience.count() >= 0 ? options.patience : until_stop + 2s;
    std::thread thread([running, body] {
        int32_t code = SEED_INTERNAL;
        std::string escaped;
        try {
            code = body();
        } catch (...) {
            escaped = "let an exception escape: catch everything at the boundary";
        }
        std::lock_guard guard(running->lock);
        running->outcome.raw = code;
        if (!escaped.empty()) running->outcome.text = escaped;
        running->done = true;
        running->ended.notify_all();
    });
    std::unique_lock guard(running->lock);
    auto is_done = [&] { return running->done; };
    if (options.cancel_after.count() >= 0 && !running->ended.wait_for(guard, options.cancel_after, is_done)) {
        uint64_t one = 1;
        [[maybe_unused]] auto written = write(running->cancel.get(), &one, sizeof one);
    }
    if (!running->ended.wait_until(guard, begin + patience, is_done)) {
        guard.unlock();
        thread.detach();
        abandoned = true;
        fail(what + " did not return within " + std::to_string(patience.count()) + " ms, " +
             (options.cancel_after.count() >= 0 ? "cancelled after " + std::to_string(options.cancel_after.count()) + " ms"
                                                : "with a deadline of " + std::to_string(options.deadline.count()) + " ms") +
             ": poll cancel_fd beside everything that waits");
    }
    guard.unlock();
    thread.join();
    Outcome &outcome = running->outcome;
    outcome.took = std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
    outcome.code = code_from_int(outcome.raw);
    if (outcome.text == "let an exception escape: catch everything at the boundary") fail(what + " " + outcome.text);
}

std::shared_ptr<Running> new_call(const std::shared_ptr<Heard> &heard, const CallOptions &options, const std::string &request) {
    auto running = std::make_shared<Running>();
    running->heard = heard;
    running->name = "check-" + std::to_string(++counter);
    running->identity = options.request_id.empty() ? running->name : options.request_id;
    running->request = request;
    running->given = options.descriptors;
    running->size = sizeof(seed_call);
    running->id = borrow(running->name);
    running->request_id = borrow(running->identity);
    running->deadline_ns = (Clock::now() + options.deadline).time_since_epoch() / 1ns;
    running->cancel_fd = running->cancel.get();
    running->fd_count = static_cast<uint32_t>(running->given.size());
    running->fds = running->given.data();
    return running;
}

}  // namespace

void Instance::open(const std::string &config_text) {
    CallOptions options;
    auto running = new_call(heard_, options, config_text);
    run_call(running, options, "open()", [this, running] {
        return plugin_.provider().open(host_.get(), running.get(), borrow(running->request), &self_);
    });
    opened_ = running->outcome;
    open_ = opened_.ok();
}

Outcome Instance::call_text(const std::string &slot, const std::string &request, const CallOptions &options) {
    seed_op operation = plugin_.operation(slot);
    if (!operation) return {SEED_UNSUPPORTED, Code::unsupported, "not offered", 0, {}, 0ms};
    auto running = new_call(heard_, options, request);
    void *self = self_;
    run_call(running, options, "'" + slot + "'", [operation, self, running] {
        return operation(self, running.get(), borrow(running->request));
    });
    return running->outcome;
}

Outcome Instance::call(const std::string &slot, const json &request, const CallOptions &options) {
    return call_text(slot, to_json_text(request), options);
}

json Instance::ask(const std::string &slot, const json &request, const CallOptions &options) {
    Outcome outcome = call(slot, request, options);
    if (!outcome.ok()) fail("'" + slot + "' answers " + outcome.to_string() + " to " + request.dump().substr(0, 300));
    return outcome.reply();
}

std::vector<json> Instance::stream(const std::string &slot, const json &request, milliseconds listen) {
    CallOptions options;
    options.cancel_after = listen;
    Outcome outcome = call(slot, request, options);
    if (!outcome.ok() && outcome.code != Code::cancelled) fail("'" + slot + "' answers " + outcome.to_string());
    std::vector<json> items;
    for (const std::string &text : outcome.replies) {
        if (!json::accept(text)) fail("'" + slot + "' sent an item that is not JSON: " + printable(text, 200));
        items.push_back(json::parse(text));
    }
    return items;
}

void Instance::close() {
    if (!open_) return;
    open_ = false;
    CallOptions options;
    options.patience = 5s;
    auto running = new_call(heard_, options, "");
    run_call(running, options, "close()", [this] { return plugin_.provider().close(self_), 0; });
}

}  // namespace seed::conformance
