// A webhook came: look whether the repository's default branch is elsewhere than what was deployed last.
#include <seed/util/text.h>

#include "core/base/log.h"
#include "core/front/api.h"
#include "core/front/webhook.h"

namespace seed::front {

// args: signature (of X-Hub-Signature-256), body (base64).  Answer: {"repository", "changed"}; repository empty: nothing to do.
Task<json> Api::refresh(Request &request) {
    auto secrets = read_webhook_secrets(hosting_.webhook_secrets);
    std::string signature = request.args.at("signature").get<std::string>();
    auto body = base64_decode(request.args.at("body").get<std::string>());
    if (!body || body->size() > webhook_body_limit) throw Failure(Code::invalid, "the delivery is empty or too large");
    if (!signed_with_one_of(secrets, signature, *body))
        throw Failure(Code::denied, "the delivery is not signed with this platform's secret (X-Hub-Signature-256)");
    Delivery delivery = read_delivery(*body);
    if (!delivery.push) co_return json{{"repository", ""}, {"changed", false}};

    auto &world = deployer_.world();
    std::string name = delivery.repository.substr(delivery.repository.rfind('/') + 1);
    std::string repository = model::RepoName(name).str();
    if (!world.store.flake(repository)) throw Failure(Code::not_found, "there is no repository " + repository);
    if (!replays_.first_time(signature, Replays::Clock::now()))
        throw Failure(Code::conflict, "this delivery has been accepted before");
    auto before = world.store.latest_revision(repository);
    std::string pusher = before ? before->pushed_by : world.store.flake(repository)->owner, wherever;
    access_.forget(repository);
    deploy::Listener nobody;
    nobody.call = request.call.id();
    co_await deployer_.take_push(request.call, repository, wherever, pusher, nobody);
    auto after = world.store.latest_revision(repository);
    bool changed = after && (!before || before->id != after->id);
    if (changed) log_info("front", repository + ": a webhook told of " + after->commit.substr(0, 10));
    co_return json{{"repository", repository}, {"changed", changed}};
}

}  // namespace seed::front
