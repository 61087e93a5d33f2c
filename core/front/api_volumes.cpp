// Deleting a volume, by the name that people see and only when it was said twice.
#include "core/deploy/volumes.h"

#include <seed/util/text.h>

#include "core/front/api.h"

namespace seed::front {

// Collaborators may deploy, so they can stop using a volume; losing what is in it for ever is the owner's decision.
Task<json> Api::volume_delete(Request &request) {
    std::string name = request.args.at("volume").get<std::string>();
    if (request.args.value("confirm", "") != name)
        throw Failure(Code::invalid, "nothing was deleted: what follows --yes is not the name of the volume");
    auto parts = split(name, '/');
    if (parts.size() != 3) throw Failure(Code::invalid, "a volume is named REPOSITORY/INSTANCE/NAME; see: volumes");
    auto mine = co_await resolve_membership(request, model::RepoName(parts[0]).str());
    std::string repository = mine.repository;
    if (mine.role != access::Role::owner) throw Failure(Code::denied, "only the owner of " + repository + " may delete its volumes");
    std::string ns = deployer_.worker(repository).flake().ns;
    Call part = request.call.within(std::chrono::seconds(50));
    co_await deploy::delete_volume(deployer_.world(), part, ns, parts[1], parts[2]);
    deployer_.world().tell(events::Entry("volume_deleted", repository).on(parts[1]).by(request.call.id()).because(name));
    co_return json{{"deleted", name}, {"volume", ns + "/" + parts[1] + "/" + parts[2]}};
}

}  // namespace seed::front
