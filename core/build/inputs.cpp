#include "core/build/inputs.h"

#include <algorithm>
#include <set>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/build/door.h"
#include "core/build/fed_box.h"

namespace seed::build {
namespace {

namespace fs = std::filesystem;

// Where the forges themselves redirect to.
std::vector<std::string> hosts_behind(const std::string &host) {
    if (host == "github.com") return {"codeload.github.com:443"};
    return {};
}

DoorRules door_rules(const BuilderSettings &settings, const LockedInput &input) {
    DoorRules rules;
    rules.bytes = settings.fetch_bytes;
    rules.idle = std::min(rules.idle, settings.fetch_deadline);
    const auto &allowed = settings.allowed_inputs;
    rules.any_host = std::find(allowed.begin(), allowed.end(), "public") != allowed.end();
    rules.hosts = hosts_behind(input.host);
    rules.hosts.push_back(input.host + ":443");
    rules.hosts.insert(rules.hosts.end(), settings.fetch_hosts.begin(), settings.fetch_hosts.end());
    return rules;
}

std::string called(const LockedInput &input) {
    return "input '" + input.name + "' (" + input.text + ")";
}

// The first thing Nix or git complained of, as one line.
std::string complaint(const NixMessages &messages) {
    std::string text = messages.error_block();
    if (text.empty()) text = messages.tail(1);
    text = text.substr(0, text.find('\n'));
    for (std::string_view word : {"error: ", "fatal: "})
        if (text.starts_with(word)) text.erase(0, word.size());
    return text.empty() ? "it ended without a word" : text;
}

}  // namespace

fs::path Inputs::folder(const std::string &ns) const {
    return fs::path(settings_.state_directory) / ns / "inputs";
}

bool Inputs::has(const std::string &ns, const std::string &key) const {
    return fs::exists(folder(ns) / key);
}

void Inputs::forget_except(const std::string &ns, const std::vector<std::string> &keys) const {
    std::set<std::string> kept(keys.begin(), keys.end());
    if (!fs::exists(folder(ns))) return;
    for (const auto &entry : fs::directory_iterator(folder(ns)))
        if (!kept.contains(entry.path().filename())) fs::remove(entry.path());
}

Task<void> Inputs::fetch(Call call, std::string ns, LockedInput input) {
    BoxStep step;
    step.stage = called(input) + " cannot be fetched";
    step.late = "it took longer than " + std::to_string(settings_.fetch_deadline.count()) + " s: push again when its server is faster, or use a smaller one";
    step.ns = ns;
    step.action = {"fetch", input.store_path};
    step.memory = settings_.evaluation_memory;
    step.deadline = settings_.fetch_deadline;
    step.output_limit = 1u << 20;
    BoxResult result;
    if (input.from == LockedInput::From::platform)
        result = co_await run_from_platform(call, std::move(step), input);
    else
        result = co_await run_through_door(call, std::move(step), input);
    auto words = split(trim(result.out), ' ');
    if (result.code || words.size() != 2)
        throw Failure(Code::unavailable, called(input) + " cannot be fetched: " + complaint(result.messages) +
                                             ": see whether everybody can read it at this address, then push again");
    if (words[0] != input.store_path)
        throw Failure(Code::invalid, called(input) + " is not what flake.lock says: locked " + input.nar_hash + ", fetched " +
                                         printable(words[1], 80) + ": find out why it changed, then `nix flake lock --update-input " + input.name + "`");
    make_directory(folder(ns), 0700);
    write_file_atomically(folder(ns) / input.key, input.text + "\n", 0600);
}

Task<BoxResult> Inputs::run_through_door(Call call, BoxStep step, const LockedInput &input) {
    if (input.from == LockedInput::From::git)
        step.action.insert(step.action.end(), {"git", input.url, input.revision});
    else
        step.action.insert(step.action.end(), {"archive", input.url});
    DoorRules rules = door_rules(settings_, input);
    Door door(executor_, settings_, call, rules);
    step.door = door.box_end();
    BoxResult result;
    std::exception_ptr failure;
    try {
        result = co_await boxes_.run(call, std::move(step));
    } catch (...) {
        failure = std::current_exception();
    }
    co_await door.close();
    if (failure) std::rethrow_exception(failure);
    if (result.code && !door.trouble().empty())
        throw Failure(Code::invalid, called(input) + " cannot be fetched: " + door.trouble() +
                                         ": lock an address that everybody can reach, or ask the operator (builder.inputs)");
    co_return result;
}

Task<BoxResult> Inputs::run_from_platform(Call call, BoxStep step, const LockedInput &input) {
    step.action.insert(step.action.end(), {"stream", std::to_string(settings_.source_bytes)});
    Call part = call.within(settings_.fetch_deadline);
    auto source = settings_.platform_source;
    std::string repository = input.repository, revision = input.revision;
    std::function<Task<void>(int)> produce = [source, part, repository, revision](int write_fd) {
        return source(part, repository, revision, write_fd);
    };
    BoxResult result;
    Code code = Code::internal;
    std::string why;
    try {
        result = co_await run_fed(executor_, boxes_, call, std::move(step), produce);
    } catch (const Failure &refused) {
        code = refused.code();
        why = refused.what();
    }
    if (why.empty()) co_return result;
    call.check();
    if (why.starts_with("input '")) throw Failure(code, why);  // the box's own words
    throw Failure(code == Code::not_found ? Code::invalid : code, called(input) + " cannot be fetched: " + why +
                            ": see whether the repository has this revision, `nix flake lock --update-input " + input.name + "`");
}

}  // namespace seed::build
