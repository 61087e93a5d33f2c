#include "core/names/give_up_zone.h"

#include <seed/dns.hpp>
#include <seed/util/text.h>

#include "core/base/log.h"

namespace seed::names {

Task<void> give_up_zone(const Call &call, std::shared_ptr<providers::Provider> dns, std::string zone) {
    dns::ZoneRequest request;
    request.zone = zone;
    std::string why;
    try {
        dns::RemoveZoneReply reply = co_await dns->ask<dns::RemoveZoneReply>(call, "remove_zone", request);
        if (!reply.removed) why = reply.reason;
    } catch (const Failure &failure) {
        why = failure.code() == Code::unsupported ? "this provider removes no zones" : failure.what();
    }
    if (!why.empty())
        log_info("names", "the domain " + zone + " has none of our records any more and stays in " + dns->settings().plugin + ": " + printable(why, 400));
}

}  // namespace seed::names
