#include "conversation.h"

#include <poll.h>
#include <seed/util/failure.h>
#include <seed/util/text.h>
#include <sys/socket.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "git_objects.h"
#include "push_rules.h"
#include "repositories.h"

namespace seed::silo {

namespace {

constexpr uint64_t MiB = 1ull << 20;
const std::string no_commit(40, '0');
constexpr uint64_t child_cpu_seconds = 3600;

}  // namespace

bool valid_protocol(std::string_view text) {
    if (text.size() > 64 || !text.starts_with("version=")) return false;
    text.remove_prefix(8);
    if (text.empty() || text[0] < '0' || text[0] > '2') return false;
    text.remove_prefix(1);
    if (text.empty()) return true;
    return text[0] == ':' && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' || c == '=' ||
                      c == '-' || c == '.';
           });
}

Conversation::Conversation(const plugin::Call &call, const git::ServeRequest &request, const std::filesystem::path &repository,
                           const std::filesystem::path &hooks, const std::filesystem::path &hook_program, size_t refs_limit)
    : call_(call), request_(request), repository_(repository), hooks_(hooks), hook_program_(hook_program), refs_limit_(refs_limit) {
    receiving_ = request.service == "receive-pack";
    if (!receiving_ && request.service != "upload-pack")
        throw Failure(Code::invalid, "there is no git service '" + printable(request.service, 64) + "'");
}

std::vector<std::string> Conversation::environment() const {
    GitSettings settings = common_settings();
    if (receiving_) {
        settings.insert(settings.end(), {
            {"core.hooksPath", hooks_.string()},
            {"receive.advertisePushOptions", "true"},
            {"receive.fsckObjects", "true"},
            {"receive.denyDeleteCurrent", "refuse"},
            // A pack and its index are two files and two fsyncs; loose objects would be one each per object.
            {"receive.unpackLimit", "1"},
        });
    } else {
        settings.insert(settings.end(), {
            {"core.hooksPath", "/dev/null"},
            {"uploadpack.allowFilter", "true"},
            // Filters that cost no more than a clone: decided by type, size or depth alone.  Not sparse:oid (reads patterns from
            // the repository and matches every path) and not combinations.
            {"uploadpackfilter.allow", "false"},
            {"uploadpackfilter.blob:none.allow", "true"},
            {"uploadpackfilter.blob:limit.allow", "true"},
            {"uploadpackfilter.object:type.allow", "true"},
            {"uploadpackfilter.tree.allow", "true"},
            {"uploadpackfilter.tree.maxDepth", "16"},
        });
    }
    if (request_.pack_limit_bytes) settings.emplace_back("receive.maxInputSize", std::to_string(request_.pack_limit_bytes));
    std::vector<std::string> result = git_environment(settings);
    result.push_back(std::string(hook_variable) + "=" + std::to_string(hook_descriptor));
    if (valid_protocol(request_.protocol)) result.push_back("GIT_PROTOCOL=" + request_.protocol);
    return result;
}

SpawnOptions Conversation::child_options(int hook_socket) const {
    SpawnOptions options;
    options.arguments = {git_program, request_.service, repository_.string()};
    options.environment = environment();
    options.directory = repository_;
    options.descriptors = {{call_.descriptor(0), 0}, {call_.descriptor(1), 1}, {call_.descriptor(2), 2}};
    if (receiving_) options.descriptors.emplace_back(hook_socket, hook_descriptor);
    Cage cage = git_cage();
    if (receiving_) {
        cage.read = {hooks_, std::filesystem::canonical(hook_program_)};
        cage.write = {repository_};
        if (request_.pack_limit_bytes)
            cage.file_bytes = 2 * request_.pack_limit_bytes + 64 * MiB;  // a thin pack grows when completed
    } else {
        cage.read = {repository_};
    }
    cage.cpu_seconds = child_cpu_seconds;
    options.cage = cage;
    return options;
}

git::ServeReply Conversation::run() {
    SocketPair hook = make_socket_pair();
    Process child = Process::spawn(child_options(hook.theirs.get()));
    hook.theirs.reset();
    try {
        attend(child, hook.ours.get());
    } catch (...) {
        child.kill_group();
        child.wait();
        announce_missed();
        throw;
    }
    child.kill_group();  // the child is a zombie still, so the group is ours: whoever it left behind goes too
    ExitStatus status = child.wait();
    announce_missed();
    return {status.code};
}

// Until the child has ended.
void Conversation::attend(Process &child, int hook_socket) {
    for (bool hook_open = receiving_;;) {
        auto left_ms = std::chrono::duration_cast<std::chrono::milliseconds>(call_.remaining()).count() + 1;
        pollfd waits[3] = {
            {child.pidfd(), POLLIN, 0}, {call_.cancel_descriptor(), POLLIN, 0}, {hook_open ? hook_socket : -1, POLLIN, 0}};
        if (::poll(waits, 3, int(std::min<int64_t>(left_ms, 1 << 30))) < 0 && errno != EINTR) fail_errno("waiting for git");
        call_.check();
        if (waits[2].revents) hook_open = serve_hook(hook_socket);
        if (waits[0].revents && !waits[2].revents) return;
    }
}

// False: the hook has gone, or nothing sensible can come from it any more.  It refuses the push when we hang up without an
// answer.
bool Conversation::serve_hook(int hook_socket) {
    std::optional<HookCall> called;
    try {
        called = receive_hook_call(hook_socket);
    } catch (const Failure &) {
        // Killed in the middle of a sentence: the same as gone.
    }
    if (!called) {
        ::shutdown(hook_socket, SHUT_RDWR);
        return false;
    }
    auto updates = parse_updates(called->updates);
    std::optional<std::string> why_not;
    int report = called->post ? call_.descriptor(3) : -1;
    if (called->post) {
        announce(std::move(updates));
    } else {
        allowed_ = std::move(updates);
        push_options_ = std::move(called->options);
        why_not = refusal();
        if (!why_not && is_proposal()) {
            propose(called->quarantine);
            why_not = "nothing was pushed: this was only the " + request_.propose_option;
            report = call_.descriptor(3);
        }
        if (why_not) allowed_.clear();
    }
    try {
        answer_hook(hook_socket, why_not, report);
        return true;
    } catch (const Failure &) {
        return false;  // it died before our answer; git ends the push
    }
}

std::optional<std::string> Conversation::refusal() const {
    if (auto why = objection(allowed_, push_options_)) return why;
    if (auto why = unknown_option(push_options_, request_.known_options)) return why;
    uint64_t limit = request_.repository_limit_bytes;
    bool deletes_only =
        std::all_of(allowed_.begin(), allowed_.end(), [](auto &update) { return update.new_commit == no_commit; });
    if (deletes_only) return std::nullopt;          // always possible: the way out of a full repository
    if (limit && bytes_below(repository_) > limit)  // the objects in quarantine count
        return "the repository would be larger than " + format_size(limit) + ", which is its limit";
    size_t more = 0, fewer = 0;
    for (auto &update : allowed_) {
        more += update.old_commit == no_commit;
        fewer += update.new_commit == no_commit;
    }
    if (more > fewer && count_refs(repository_, refs_limit_) + more - fewer > refs_limit_)
        return "the repository would have more than " + std::to_string(refs_limit_) + " branches and tags: delete some";
    return std::nullopt;
}

bool Conversation::is_proposal() const {
    return !request_.propose_option.empty() &&
           std::find(push_options_.begin(), push_options_.end(), request_.propose_option) != push_options_.end();
}

void Conversation::propose(const std::string &quarantine) {
    git::Proposed proposed;
    proposed.updates = allowed_;
    proposed.default_branch = head_of(repository_).branch;
    proposed.push_options = push_options_;
    if (is_quarantine(repository_, quarantine)) proposed.quarantine = quarantine;
    call_.item(json{{"proposed", proposed}});
}

void Conversation::announce(std::vector<git::RefUpdate> updates) {
    if (announced_) return;
    std::string default_branch;
    try {
        settle_head(repository_, updates);
        default_branch = head_of(repository_).branch;
    } catch (const Failure &) {
        // Ignoring: the refs have changed, and the core must hear of it whatever HEAD says.
    }
    announced_ = true;
    call_.item(git::ServeItem{{std::move(updates), std::move(default_branch), push_options_}});
}

void Conversation::announce_missed() {
    if (announced_ || allowed_.empty()) return;
    auto repository = open_repository(repository_);
    std::vector<git::RefUpdate> done;
    for (auto &update : allowed_)
        if (update.old_commit != update.new_commit && ref_value(repository.get(), update.ref) == update.new_commit)
            done.push_back(update);
    if (!done.empty()) announce(std::move(done));
}

}  // namespace seed::silo
