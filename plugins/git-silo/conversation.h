// One git conversation: git-upload-pack or git-receive-pack as a caged child between the client's descriptors.
//
//  1. The child gets an empty environment, our configuration by GIT_CONFIG_COUNT and nothing from any file; its cage holds /usr,
//  the
//     hook and this one repository; it has no network.
//  2. A push: seed-hook asks us before the refs change (rules, size) and tells us after (hook_channel.h).
//  3. After the change: HEAD is settled, then {"updated"} goes to the core, then the report goes to the pusher.
//  4. A pusher who leaves, a deadline or a cancellation ends the whole process group.  If refs had changed by then and the hook
//  did
//     not come to say so, we look for ourselves: the core hears of every change.
#pragma once
#include <seed/util/fd.h>
#include <seed/util/process.h>
#include <filesystem>
#include <optional>
#include <seed/git.hpp>
#include <seed/plugin.hpp>
#include <string>
#include <vector>

#include "git_child.h"
#include "hook_channel.h"

namespace seed::silo {

// What GIT_PROTOCOL may say: "version=0".."version=2", and more after a colon.
bool valid_protocol(std::string_view text);

class Conversation {
public:
    // All arguments are borrowed for the conversation's life.  `hooks` holds the links to `hook_program`.
    Conversation(const plugin::Call &call, const git::ServeRequest &request, const std::filesystem::path &repository,
                 const std::filesystem::path &hooks, const std::filesystem::path &hook_program,
                 size_t refs_limit);
    bool receiving() const { return receiving_; }
    git::ServeReply run();

private:
    SpawnOptions child_options(int hook_socket) const;
    std::vector<std::string> environment() const;
    void attend(Process &child, int hook_socket);
    bool serve_hook(int hook_socket);
    std::optional<std::string> refusal() const;
    // The push shall only be told about; the quarantine is that of the hook's call.
    bool is_proposal() const;
    void propose(const std::string &quarantine);
    void announce(std::vector<git::RefUpdate> updates);
    void announce_missed();

    const plugin::Call &call_;
    const git::ServeRequest &request_;
    const std::filesystem::path repository_;
    const std::filesystem::path &hooks_, &hook_program_;
    const size_t refs_limit_;
    bool receiving_, announced_ = false;
    std::vector<git::RefUpdate> allowed_;  // by pre-receive
    std::vector<std::string> push_options_;
};

}  // namespace seed::silo
