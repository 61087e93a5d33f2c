// start and stop: whether an instance shall run.
#include <nlohmann/json.hpp>

#include "core/front/api.h"

namespace seed::front {

Task<json> Api::start(Request &request) {
    Target target = co_await resolve_instance(request, request.args.at("instance").get<std::string>());
    deployer_.request_start(target.repository, target.instance);
    co_return json{{"instance", target.repository + "/" + target.instance}};
}

Task<json> Api::stop(Request &request) {
    Target target = co_await resolve_instance(request, request.args.at("instance").get<std::string>());
    deployer_.request_stop(target.repository, target.instance);
    co_return json{{"instance", target.repository + "/" + target.instance}};
}

}  // namespace seed::front
