// How seed-hook, git-silo's hook, talks to git-silo: frames over a socket pair that git lets its hooks inherit.
//
//   1. git receive-pack starts `pre-receive` with the updates on stdin; the objects are in quarantine, no ref has changed.
//      -> {"hook": "pre-receive", "updates": TEXT, "options": [...], "quarantine": NAME}    <- {"ok": true} or {"refuse": "why"}
//      A refusal may bring the report descriptor, too: what would change (a proposed push).  It is shown first.
//   2. The refs change.  git starts `post-receive` with those that did.
//      -> {"hook": "post-receive", "updates": TEXT, "options": [...]}   <- {"ok": true} and, when there is one, the report
//      descriptor The hook copies the report to its stdout, line by line, until it ends; git shows it to the pusher as `remote:
//      ...`.
#pragma once
#include <seed/util/fd.h>
#include <optional>
#include <string>
#include <vector>

namespace seed::silo {

inline constexpr int hook_descriptor = 3;                     // in git and in the hook
inline constexpr const char *hook_variable = "SEED_HOOK_FD";  // tells the hook; nothing else may use it
inline constexpr size_t hook_input_limit = 1u << 20;

struct HookCall {
    bool post = false;
    std::string updates;
    std::vector<std::string> options;
    std::string quarantine;   // folder below objects/ with the push's objects; empty: it brought none
};
std::optional<HookCall> receive_hook_call(int socket);  // none: the other side is gone
void answer_hook(int socket, const std::optional<std::string> &refusal, int report_fd = -1);

}  // namespace seed::silo
