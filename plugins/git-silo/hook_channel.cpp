#include "hook_channel.h"

#include <seed/util/frame.h>
#include <seed/codec.hpp>

namespace seed::silo {

std::optional<HookCall> receive_hook_call(int socket) {
    auto frame = receive_frame(socket, std::chrono::seconds(30));
    if (!frame) return std::nullopt;
    json body = parse_json(frame->body, "the hook's call");
    HookCall call;
    call.post = body.value("hook", "") == "post-receive";
    call.updates = body.value("updates", "");
    call.options = body.value("options", std::vector<std::string>());
    call.quarantine = body.value("quarantine", "");
    return call;
}

void answer_hook(int socket, const std::optional<std::string> &refusal, int report_fd) {
    json body = refusal ? json{{"refuse", *refusal}} : json{{"ok", true}};
    send_frame(socket, body.dump(-1, ' ', false, json::error_handler_t::replace),
               report_fd >= 0 ? std::vector<int>{report_fd} : std::vector<int>{});
}

}  // namespace seed::silo
