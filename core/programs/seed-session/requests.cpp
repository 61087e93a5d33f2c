#include "requests.h"

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/log.h>
#include <seed/util/text.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "core/front/ssh/words.h"
#include "core/model/names.h"
#include "core/shell/registry.h"
#include "core/shell/run.h"

namespace seed::session {

using nlohmann::json;

namespace {

constexpr std::string_view git_services[] = {"git-upload-pack", "git-receive-pack"};

// "git upload-pack X" is what some clients send for "git-upload-pack X".
std::vector<std::string> join_git(std::vector<std::string> words) {
    if (words.size() >= 2 && words[0] == "git") {
        words[1] = "git-" + words[1];
        words.erase(words.begin());
    }
    return words;
}

LogLevel service_level(const std::string &service) {  // clones are many
    return service == "git-receive-pack" ? LogLevel::info : LogLevel::debug;
}

void say(int fd, std::string_view text) {
    try {
        write_all(fd, printable(text) + "\n");
    } catch (const Failure &) {
        // The client is gone; its exit status still tells.
    }
}

}  // namespace

Requests::Requests(front::Client &client, front::Person person, std::string remote)
    : client_(client), person_(std::move(person)), remote_(std::move(remote)) {}

void Requests::say_hello() {
    std::lock_guard lock(hello_mutex_);
    if (hello_said_) return;
    client_.request("hello", {{"key", person_.key}, {"fingerprint", person_.fingerprint}, {"remote", remote_}});
    log(LogLevel::debug, "session", person_.fingerprint + " from " + remote_);
    hello_said_ = true;
}

int Requests::run(const front::ExecRequest &request, front::JobStreams streams, front::Cancellation &cancel) {
    int err = streams.err.get();
    try {
        say_hello();
        return run_words(join_git(front::split_words(request.command)), request, streams, cancel);
    } catch (const Failure &failure) {
        if (failure.code() != Code::cancelled && streams.err) say(err, failure.what());
        return shell::exit_status_of(failure);
    } catch (const std::exception &error) {
        if (streams.err) say(err, std::string("internal error: ") + error.what());
        return shell::exit_failure;
    }
}

int Requests::run_words(const std::vector<std::string> &words, const front::ExecRequest &request, front::JobStreams &streams,
                        front::Cancellation &cancel) {
    if (words.empty() && request.terminal) {
        int status = run_shell({"status"}, /*terminal=*/true, streams, cancel);
        say(streams.out.get(), "For the list of commands: ssh HOST help");
        return status;
    }
    if (words.empty()) {
        say(streams.err.get(), "no command given: there is no interactive shell here; try: ssh HOST help");
        return shell::exit_failure;
    }
    if (words[0] == "git-upload-archive")
        throw Failure(Code::unsupported,
                      "git archive --remote is not offered here, because git packs hostile attributes and filters into it; "
                      "use: git clone --depth 1");
    if (words[0] == "git-lfs-authenticate" || words[0] == "git-lfs-transfer")
        throw Failure(Code::unsupported,
                      "Git LFS is not offered here: large files do not belong into a source repository; let the flake fetch them by "
                      "hash (fetchurl), or run: git lfs migrate export --everything --include=*");
    for (auto service : git_services)
        if (words[0] == service) return run_git(words, request, streams, cancel);
    return run_shell(words, request.terminal, streams, cancel);
}

int Requests::run_git(const std::vector<std::string> &words, const front::ExecRequest &request, front::JobStreams &streams,
                      front::Cancellation &cancel) {
    if (words.size() != 2) throw Failure(Code::invalid, words[0] + ": exactly one repository must be named");
    auto repository = model::RepoName::from_path(words[1]);
    json args = {{"service", words[0].substr(4)}, {"repository", repository.str()}, {"protocol", request.git_protocol}};
    // A refusal is shown by us: keep a way to the client's stderr after ours has been given away.
    UniqueFd messages = streams.err.duplicate();
    auto give_away = [&] {
        streams.in.reset();
        streams.out.reset();
        streams.err.reset();
    };
    try {
        json answer = client_.request("git", args, &cancel, {streams.in.get(), streams.out.get(), streams.err.get()}, give_away);
        int exit_code = answer.value("exit_code", 1);
        log(service_level(words[0]), "session", words[0] + " " + repository.str() + " of " + person_.fingerprint + " ended with " + std::to_string(exit_code),
            answer.value("call", ""));
        return exit_code;
    } catch (const Failure &failure) {
        if (failure.code() != Code::cancelled) say(messages.get(), failure.what());
        return shell::exit_status_of(failure);
    }
}

int Requests::run_shell(const std::vector<std::string> &words, bool terminal, front::JobStreams &streams, front::Cancellation &cancel) {
    streams.in.reset();  // no command reads
    shell::Context context{
        client_,   &cancel, shell::Output(streams.out.get()), shell::Output(streams.err.get()), shell::session_commands(),
        "ssh HOST", terminal};
    return shell::run_command(context, words);
}

}  // namespace seed::session
