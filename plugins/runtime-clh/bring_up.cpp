#include "plugins/runtime-clh/cloud_hypervisor.h"

#include <seed/util/text.h>

namespace seed::clh {
namespace {

struct Standing {  // how far it is
    bool created = false, net = false, running = false;
};

Standing ask(const ApiClient &api, std::chrono::milliseconds patience) {
    Standing standing;
    ApiReply reply = api.get("vm.info", patience);
    if (reply.status == 404 || reply.status == 500) return standing;  // nothing was created; versions before 53 say 500
    if (reply.status != 200) throw Failure(Code::internal, "cloud-hypervisor does not say how its machine is: " + reply.reason());
    json info = json::parse(reply.body, nullptr, false);
    auto state = info.is_object() ? info.find("state") : info.end();
    auto config = info.is_object() ? info.find("config") : info.end();
    if (state == info.end() || !state->is_string() || config == info.end() || !config->is_object())
        throw Failure(Code::internal, "cloud-hypervisor's answer to vm.info has no state and config: " + printable(reply.body, 100));
    standing.created = true;
    standing.running = *state == "Running";
    auto net = config->find("net");
    standing.net = net != config->end() && net->is_array() && !net->empty();
    return standing;
}

}  // namespace

void bring_up(const ApiClient &api, const json &config, const json &net, int tap, std::chrono::milliseconds patience) {
    auto step = [&](const std::string &operation, const std::optional<json> &body, int descriptor, bool Standing::*done) {
        for (int tries = 0;; ++tries) {
            try {
                ApiReply reply = api.put(operation, body, patience, descriptor);
                if (reply.ok()) return;
                // After a lost answer it may be that this refusal only says "already".
                if (tries && ask(api, patience).*done) return;
                throw Failure(Code::invalid, "cloud-hypervisor refuses " + operation + ": " + reply.reason());
            } catch (const Failure &failure) {
                if ((failure.code() != Code::unavailable && failure.code() != Code::timeout) || tries) throw;
                if (ask(api, patience).*done) return;
            }
        }
    };
    step("vm.create", config, -1, &Standing::created);
    if (tap >= 0) step("vm.add-net", net, tap, &Standing::net);
    step("vm.boot", std::nullopt, -1, &Standing::running);
}

}  // namespace seed::clh
