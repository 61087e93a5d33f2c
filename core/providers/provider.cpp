// The client: queues calls, keeps a session alive, ends what overruns.
#include "core/providers/provider.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>

#include <seed/util/failure.h>
#include <seed/util/file.h>

#include <boost/asio/post.hpp>

#include "core/base/log.h"
#include "core/providers/loader.h"
#include "core/providers/manifest.h"
#include "core/providers/schema.h"
#include "core/providers/session.h"

namespace seed::providers {

using namespace std::chrono_literals;

namespace {

constexpr auto grace = 2s;            // between "please stop" and giving up on a call
constexpr auto open_patience = 60s;   // to load and open a plugin
constexpr auto finish_patience = 60s; // for the calls of a host that is replaced
constexpr auto first_backoff = 50ms;  // doubled with each failure in a row
constexpr auto longest_backoff = 15s;
constexpr auto healthy_after = 10s;      // a host that lived so long starts with a clean record
constexpr size_t concurrent_calls = 64;  // of a SEED_CONCURRENT provider; more wait

// What only looks goes before the changes that wait: fifty people who ask how their instances are shall not wait until a thousand
// have been started.  Between calls that are under way at the same time nobody relies on an order.
bool only_looks(std::string_view slot) {
    return slot == "list" || slot == "inspect" || slot == "images" || slot == "usage" || slot == "zones";
}

// Lets `places` calls in at a time, the others in order of arrival, those that only look before the rest.
class Queue {
public:
    explicit Queue(asio::any_io_executor executor) : executor_(executor) {}
    void set_places(size_t places) { places_ = places; }

    // Held while a call is in.
    class Turn {
    public:
        explicit Turn(Queue *queue) : queue_(queue) {}
        Turn(Turn &&other) noexcept : queue_(std::exchange(other.queue_, nullptr)) {}
        Turn(const Turn &) = delete;
        ~Turn() {
            if (queue_) queue_->leave();
        }

    private:
        Queue *queue_;
    };

    Task<Turn> enter(const Call &call, bool looks) {
        if (inside_ < places_ && waiting_.empty() && looking_.empty()) {
            ++inside_;
            co_return Turn(this);
        }
        auto waiter = std::make_shared<Event>(executor_);
        std::deque<Waiter> &line = looks ? looking_ : waiting_;
        line.push_back(waiter);
        struct Leave {  // also when the coroutine is destroyed while it waits
            Queue &queue;
            Waiter waiter;
            ~Leave() { queue.drop(waiter); }
        } leave{*this, waiter};
        co_await wait_or_stop(executor_, waiter, call);
        bool still_waiting = std::find(line.begin(), line.end(), waiter) != line.end();
        if (still_waiting) {
            call.check();
            throw Failure(Code::timeout, "the deadline passed while other calls were before this one");
        }
        co_return Turn(this);  // whoever left has counted us in
    }

private:
    void leave() {
        --inside_;
        for (auto *line : {&looking_, &waiting_}) {
            while (inside_ < places_ && !line->empty()) {
                ++inside_;
                line->front()->set();
                line->pop_front();
            }
        }
    }
    void drop(const Waiter &waiter) {
        for (auto *line : {&looking_, &waiting_}) line->erase(std::remove(line->begin(), line->end(), waiter), line->end());
    }

    asio::any_io_executor executor_;
    size_t places_ = 1, inside_ = 0;
    std::deque<Waiter> looking_, waiting_;  // for a place
};

// One attempt to have an open session; every call that needs one waits for the same attempt.
struct Attempt {
    bool done = false;
    std::optional<Failure> failure;
    std::vector<Waiter> waiters;
};

bool schema_checks_wanted() {
    const char *value = std::getenv("SEED_CHECK_SCHEMAS");
    return value && std::strcmp(value, "1") == 0;
}

// What the manifest says of the chosen provider; its schema tells what the cage must allow.
void read_grants(ProviderSettings &settings, const Contract &contract) {
    auto manifest = read_manifest(settings.path);
    if (!manifest) return;
    for (const json &provider : (*manifest)["providers"]) {
        if (provider.value("id", "") == settings.plugin && provider.value("contract", "") == contract.id()) settings.manifest = provider;
    }
    if (settings.manifest.is_null()) return;   // the host says what the plugin offers instead
    json schema = settings.manifest.value("config_schema", json::object());
    check_config(settings.plugin, schema.dump(), settings.config);
    settings.grants = grants_of(settings.plugin, schema, settings.config);
    bool own_user = settings.isolation == Isolation::process && !settings.privileged;
    prepare_paths(settings.plugin, settings.grants, settings.state_directory, own_user ? settings.uid : 0);
}

void check_settings(ProviderSettings &settings) {
    bool root = geteuid() == 0;
    auto refuse = [&](const std::string &reason) { throw Failure(Code::invalid, settings.plugin + ": " + reason); };
    if (!std::filesystem::path(settings.state_directory).is_absolute()) refuse("its state directory must be an absolute path");
    if (root && settings.isolation == Isolation::process && !settings.privileged && settings.uid == 0) {
        refuse("a plugin that is not privileged needs a uid of its own when Seed runs as root");
    }
    check_plugin_file(settings.path);
    make_directory(settings.state_directory, 0700);
    if (root && !settings.privileged && settings.isolation == Isolation::process) {
        change_owner(settings.state_directory, settings.uid, settings.uid);
    }
}

class Client final : public Provider, public std::enable_shared_from_this<Client> {
public:
    Client(asio::any_io_executor executor, ProviderSettings settings, const Contract *contract)
        : executor_(executor),
          configured_(settings),
          settings_(std::move(settings)),
          contract_(contract),
          queue_(executor),
          check_schemas_(schema_checks_wanted()) {}
    ~Client() override { shut_down(); }

    Task<json> call(const Call &call, std::string slot, json request, CallOptions options) override;
    const ProviderSettings &settings() const override { return settings_; }
    json describe() const override;
    void shut_down() override;
    Task<void> restart(const Call &call) override;
    const Secrets &secrets() const override { return secrets_; }

    Task<void> ready(const Call &call);  // returns with session_ usable, or throws

private:
    std::string label(const std::string &slot) const { return settings_.plugin + " " + slot; }
    Task<void> start(std::shared_ptr<Attempt> attempt);
    Task<void> start_session();
    Task<void> begin(ProviderSettings settings);
    void adopt(std::shared_ptr<Session> session, UniqueFd file);
    ProviderSettings settings_of_file() const;      // the configured file as it is now
    ProviderSettings settings_of_file_before();     // a copy of the file that was taken up last
    bool file_is_another() const;
    // Steps of restart().
    Task<void> replace(std::shared_ptr<Attempt> result);
    Task<void> replace_session();
    Task<void> open_instead(std::shared_ptr<Session> next, UniqueFd file);
    Task<void> wait_for_attempt();
    void finish(const std::shared_ptr<Attempt> &attempt);
    // Notes how a session ended.  Holds the client weakly: a session may live as long as the program.
    static Task<void> watch(std::weak_ptr<Client> self, std::shared_ptr<Session> session);
    Task<void> wait_for_answer(const Call &call, std::shared_ptr<Session> session, std::shared_ptr<Pending> pending);
    void note_end(Call::Clock::duration lived);

    asio::any_io_executor executor_;
    const ProviderSettings configured_;
    ProviderSettings settings_;  // of the session: with what the manifest said when it began
    const Contract *contract_;
    Queue queue_;
    const bool check_schemas_;
    std::shared_ptr<Session> session_;
    std::shared_ptr<Attempt> attempt_;  // null: none is under way
    json description_ = json::object();
    std::string last_reason_;
    UniqueFd file_;              // what was taken up last, and its manifest: on disk there may be another by now
    std::string manifest_text_;
    Secrets secrets_;
    bool replacing_ = false;
    unsigned sessions_ = 0, failures_ = 0, replacements_ = 0;
    Call::Clock::time_point next_start_{};
    bool closed_ = false;
};

void Client::note_end(Call::Clock::duration lived) {
    if (lived >= healthy_after) failures_ = 0;
    ++failures_;
    auto wait = first_backoff * (1 << std::min(failures_ - 1, 10u));
    next_start_ = Call::Clock::now() + std::min<Call::Clock::duration>(wait, longest_backoff);
}

Task<void> Client::watch(std::weak_ptr<Client> self, std::shared_ptr<Session> session) {
    co_await session->wait_ended();
    auto strong = self.lock();
    if (!strong || strong->closed_ || session->retired()) co_return;
    strong->last_reason_ = session->reason();
    log_warning(strong->settings_.plugin, session->reason() + "; it is started again at the next call");
    strong->note_end(Call::Clock::now() - session->opened_at());
}

Task<void> Client::start_session() {
    if (session_) co_await session_->wait_ended();
    if (auto now = Call::Clock::now(); now < next_start_) {
        asio::steady_timer timer(executor_, next_start_);
        co_await timer.async_wait(asio::use_awaitable);
    }
    if (closed_) throw Failure(Code::unavailable, settings_.plugin + " is shut down");
    std::exception_ptr trouble;
    std::string why;
    try {
        ProviderSettings settings = settings_of_file();
        co_await begin(std::move(settings));
    } catch (const Failure &failure) {
        trouble = std::current_exception();
        why = failure.what();
    }
    if (!trouble) {
        ++sessions_;
        co_return;
    }
    // A host that dies after an upgrade that cannot be taken up must not be the end of the provider.
    if (!file_is_another()) std::rethrow_exception(trouble);
    if (session_) session_->shut_down();
    bool works = false;
    try {
        ProviderSettings settings = settings_of_file_before();
        co_await begin(std::move(settings));
        works = true;
    } catch (const std::exception &error) {
        log_error(settings_.plugin, std::string("the file before cannot be taken up either: ") + error.what());
    }
    if (!works) std::rethrow_exception(trouble);
    ++sessions_;
    log_error(settings_.plugin, why + "; going on with the file that was in use before");
}

Task<void> Client::begin(ProviderSettings settings) {
    UniqueFd file(open(settings.path.c_str(), O_RDONLY | O_CLOEXEC));
    auto session = std::make_shared<Session>(executor_, settings);
    session_ = session;
    Call patience("open " + settings.plugin, open_patience);
    co_await session->open(patience);
    adopt(session, std::move(file));
}

void Client::adopt(std::shared_ptr<Session> session, UniqueFd file) {
    session_ = session;
    settings_ = session->settings();
    secrets_ = session->secrets();
    description_ = session->loaded();
    file_ = std::move(file);
    manifest_text_ = read_file_if_exists(manifest_path(settings_.path), 4u << 20).value_or("");
    queue_.set_places(session->concurrent() ? concurrent_calls : 1);
    asio::co_spawn(executor_, watch(weak_from_this(), session), asio::detached);
}

ProviderSettings Client::settings_of_file() const {
    ProviderSettings settings = configured_;
    check_settings(settings);
    read_grants(settings, *contract_);
    return settings;
}

bool Client::file_is_another() const {
    struct stat before {}, now {};
    if (!file_ || fstat(file_.get(), &before) != 0) return false;
    if (stat(configured_.path.c_str(), &now) != 0) return true;
    return before.st_dev != now.st_dev || before.st_ino != now.st_ino;
}

// Beside the state directory and ours: the provider's user can read it and not change it.
ProviderSettings Client::settings_of_file_before() {
    if (!file_) throw Failure(Code::not_found, "no file of " + configured_.plugin + " was in use before");
    auto folder = std::filesystem::path(configured_.state_directory).parent_path() / (".before-" + configured_.plugin);
    make_directory(folder, 0755);
    ProviderSettings settings = configured_;
    settings.path = (folder / (configured_.plugin + ".so")).string();
    if (lseek(file_.get(), 0, SEEK_SET) < 0) fail_errno("read the file of " + configured_.plugin + " that was in use before");
    std::string content = read_all(file_.get(), 256u << 20);
    if (manifest_text_.empty())
        std::filesystem::remove(manifest_path(settings.path));
    else
        write_file_atomically(manifest_path(settings.path), manifest_text_, 0644);
    write_file_atomically(settings.path, content, 0644);
    read_grants(settings, *contract_);
    return settings;
}

Task<void> Client::start(std::shared_ptr<Attempt> attempt) {
    auto self = shared_from_this();
    try {
        co_await start_session();
    } catch (const Failure &failure) {
        attempt->failure = failure;
    } catch (const std::exception &error) {
        attempt->failure.emplace(Code::internal, settings_.plugin + ": " + error.what());
    }
    if (attempt->failure) {
        if (session_) session_->shut_down();
        session_.reset();
        last_reason_ = attempt->failure->what();
        note_end({});
    }
    finish(attempt);
}

void Client::finish(const std::shared_ptr<Attempt> &attempt) {
    attempt->done = true;
    if (attempt_ == attempt) attempt_.reset();
    for (auto &waiter : attempt->waiters) waiter->set();
}

Task<void> Client::restart(const Call &call) {
    auto self = shared_from_this();
    if (settings_.isolation == Isolation::inline_) {
        throw Failure(Code::unsupported, settings_.plugin + " runs inside seedd (isolation: inline), where no library is ever unloaded: restart seedd instead");
    }
    if (replacing_) throw Failure(Code::conflict, settings_.plugin + " is being restarted already: wait for that");
    replacing_ = true;
    // Whoever asked may leave; what has begun is finished.
    auto result = std::make_shared<Attempt>();
    asio::co_spawn(executor_, replace(result), asio::detached);
    auto waiter = std::make_shared<Event>(executor_);
    result->waiters.push_back(waiter);
    if (!result->done) co_await wait_or_stop(executor_, waiter, call);
    if (result->failure) throw Failure(*result->failure);
    if (!result->done) {
        call.check();
        throw Failure(Code::timeout, settings_.plugin + ": the restart is not done yet and goes on; see: plugin show " + settings_.plugin);
    }
}

Task<void> Client::replace(std::shared_ptr<Attempt> result) {
    auto self = shared_from_this();
    try {
        co_await replace_session();
    } catch (const Failure &failure) {
        result->failure = failure;
    } catch (const std::exception &error) {
        result->failure.emplace(Code::internal, settings_.plugin + ": " + error.what());
    }
    replacing_ = false;
    finish(result);
}

// A start of the host that is under way for another reason.
Task<void> Client::wait_for_attempt() {
    while (attempt_) {
        auto waiter = std::make_shared<Event>(executor_);
        attempt_->waiters.push_back(waiter);
        co_await waiter->wait();
    }
}

Task<void> Client::replace_session() {
    if (closed_) throw Failure(Code::unavailable, settings_.plugin + " is shut down");
    UniqueFd file(::open(configured_.path.c_str(), O_RDONLY | O_CLOEXEC));
    auto next = std::make_shared<Session>(executor_, settings_of_file());
    Call loading("load " + configured_.plugin, open_patience);
    std::optional<Failure> refused;
    try {
        co_await next->load(loading);
    } catch (const Failure &failure) {
        refused = failure;
    }
    if (refused) {
        next->shut_down();
        bool serves = session_ && session_->usable();
        throw Failure(refused->code(), std::string(refused->what()) + (serves ? "; the one before it goes on" : ""));
    }
    co_await wait_for_attempt();
    if (closed_) throw Failure(Code::unavailable, settings_.plugin + " is shut down");
    // From here on calls wait.
    auto gate = std::make_shared<Attempt>();
    attempt_ = gate;
    std::exception_ptr failure;
    try {
        co_await open_instead(next, std::move(file));
    } catch (const Failure &error) {
        failure = std::current_exception();
        if (!session_ || !session_->usable()) gate->failure = error;
    }
    finish(gate);
    if (failure) std::rethrow_exception(failure);
}

Task<void> Client::open_instead(std::shared_ptr<Session> next, UniqueFd file) {
    if (session_) co_await session_->retire("its file is taken up anew", finish_patience);
    if (session_) co_await session_->wait_ended();
    std::optional<Failure> refused;
    try {
        Call opening("open " + configured_.plugin, open_patience);
        co_await next->open(opening);
    } catch (const Failure &failure) {
        refused = failure;
    }
    if (!refused) {
        adopt(next, std::move(file));
        ++replacements_;
        log_info(settings_.plugin, "taken up anew, version " + description_.value("version", "?"));
        co_return;
    }
    next->shut_down();
    std::string trouble;
    try {
        ProviderSettings settings = settings_of_file_before();
        co_await begin(std::move(settings));
    } catch (const std::exception &error) {
        trouble = error.what();
    }
    if (trouble.empty()) throw Failure(refused->code(), std::string(refused->what()) + "; the one before it runs again");
    if (session_) session_->shut_down();
    session_.reset();
    last_reason_ = trouble;
    note_end({});
    throw Failure(Code::unavailable, std::string(refused->what()) + "; nor can the one before it be started: " + trouble);
}

Task<void> Client::ready(const Call &call) {
    while (!session_ || !session_->usable()) {
        if (closed_) throw Failure(Code::unavailable, settings_.plugin + " is shut down");
        if (session_ && session_->wedged()) throw Failure(Code::unavailable, session_->reason());
        auto attempt = attempt_;
        if (!attempt) {
            attempt = attempt_ = std::make_shared<Attempt>();
            // It may fail before this returns.
            asio::co_spawn(
                executor_, [self = shared_from_this(), attempt]() -> Task<void> { return self->start(attempt); },
                asio::detached);
        }
        auto waiter = std::make_shared<Event>(executor_);
        attempt->waiters.push_back(waiter);
        if (!attempt->done) co_await wait_or_stop(executor_, waiter, call);
        if (attempt->done) {
            if (attempt->failure) throw Failure(*attempt->failure);
            continue;
        }
        if (call.cancelled()) call.check();
        throw Failure(Code::unavailable, settings_.plugin + " is not up yet" + (last_reason_.empty() ? "" : ": " + last_reason_));
    }
}

Task<json> Client::call(const Call &call, std::string slot, json request, CallOptions options) {
    auto self = shared_from_this();
    const Slot *known = contract_->find(slot);
    if (!known) {
        throw Failure(Code::unsupported, label(slot) + ": the contract " + contract_->id() + " has no such operation");
    }
    call.check();
    if (check_schemas_) check_body(settings_.kind, slot, Body::request, request);

    std::optional<Queue::Turn> turn;
    bool stream = options.stream || known->flow != Flow::plain;
    if (!stream) turn.emplace(co_await queue_.enter(call, only_looks(slot)));
    co_await ready(call);
    auto session = session_;
    if (!session->offers(slot)) throw Failure(Code::unsupported, label(slot) + ": this provider does not offer it");

    auto pending = std::make_shared<Pending>();
    pending->slot = slot;
    pending->flow = known->flow;
    pending->wake = std::make_shared<Event>(executor_);
    pending->on_progress = [call](std::string_view line) { call.progress(line); };
    pending->on_item = options.on_item;
    if (check_schemas_ && known->flow != Flow::plain) {
        pending->on_item = [kind = settings_.kind, slot, inner = options.on_item](const json &item, std::vector<UniqueFd> fds) {
            check_body(kind, slot, Body::item, item);
            if (inner) inner(item, std::move(fds));
        };
    }
    struct Forget {  // however this ends, the session does not keep what nobody waits for
        Session &session;
        std::shared_ptr<Pending> pending;
        ~Forget() { session.forget(pending); }
    } forget{*session, pending};

    std::string request_id = options.request_id.empty() ? call.id() : options.request_id;
    co_await session->send(pending, call, request_id, request, options.descriptors);
    co_await wait_for_answer(call, session, pending);

    if (pending->broken) std::rethrow_exception(pending->broken);
    if (pending->code != Code::ok) {
        // The plugin stops because we said so: the caller hears our reason.
        if (pending->stop && pending->code == Code::cancelled) throw Failure(*pending->stop);
        throw Failure(pending->code, label(slot) + ": " + pending->text, pending->retry_after_ms);
    }
    if (check_schemas_ && known->flow == Flow::plain) check_body(settings_.kind, slot, Body::reply, pending->body);
    co_return std::move(pending->body);
}

// Returns when the plugin has answered; throws when it did not in time.
Task<void> Client::wait_for_answer(const Call &call, std::shared_ptr<Session> session, std::shared_ptr<Pending> pending) {
    std::optional<Call::Clock::time_point> grace_end;
    auto interest =
        call.on_cancel([executor = executor_, wake = pending->wake] { asio::post(executor, [wake] { wake->set(); }); });
    while (!pending->finished) {
        auto until = grace_end ? *grace_end : call.deadline();
        co_await pending->wake->wait_until(until);
        pending->wake->clear();
        if (pending->finished) break;
        auto now = Call::Clock::now();
        if (!grace_end) {
            if (!pending->stop && call.cancelled()) {
                pending->stop.emplace(Code::cancelled, label(pending->slot) + ": stopped, nobody waits for it any more");
            }
            if (!pending->stop && now >= call.deadline()) {
                pending->stop.emplace(Code::timeout,
                                      label(pending->slot) + ": the deadline passed; the change may have happened");
            }
            if (!pending->stop) continue;
            grace_end = now + grace;
            co_await session->cancel(pending);
        } else if (now >= *grace_end) {
            session->forget(pending);
            std::string advice =
                settings_.isolation == Isolation::process ? "the plugin host is restarted" : "inline plugins cannot be stopped";
            session->doom(label(pending->slot) + " does not end although it was told to; " + advice);
            throw Failure(*pending->stop);
        }
    }
}

json Client::describe() const {
    json result = description_;
    result.erase("config_schema");
    result["id"] = settings_.plugin;
    result["kind"] = settings_.kind;
    result["isolation"] = settings_.isolation == Isolation::process ? "process" : "inline";
    result["restarts"] = sessions_ > 0 ? sessions_ - 1 : 0;
    result["replacements"] = replacements_;
    result["pid"] = session_ ? session_->pid() : 0;
    result["state"] = replacing_ && attempt_ ? "draining" : !session_ || session_->ended() ? "stopped" : session_->usable() ? "running" : "draining";
    if (!last_reason_.empty()) result["last_end"] = last_reason_;
    return result;
}

void Client::shut_down() {
    closed_ = true;
    if (session_) session_->shut_down();
}

}  // namespace

Task<void> Provider::restart(const Call &) {
    throw Failure(Code::unsupported, settings().plugin + " cannot be restarted");
    co_return;
}

const Secrets &Provider::secrets() const {
    static const Secrets none;
    return none;
}

Task<std::shared_ptr<Provider>> open_provider(asio::any_io_executor executor, ProviderSettings settings, const Call &call) {
    const Contract *contract = find_contract(settings.kind);
    if (!contract) throw Failure(Code::invalid, "there is no kind of provider called '" + settings.kind + "'");
    auto client = std::make_shared<Client>(executor, std::move(settings), contract);
    std::exception_ptr failure;
    try {
        co_await client->ready(call);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        client->shut_down();
        std::rethrow_exception(failure);
    }
    co_return client;
}

}  // namespace seed::providers
