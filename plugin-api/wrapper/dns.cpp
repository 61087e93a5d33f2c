#include "operations.hpp"

namespace seed::plugin {

dns::RemoveZoneReply DnsProvider::remove_zone(Call &call, const dns::ZoneRequest &) {
    call.check();
    return {false, "this provider removes no zones"};
}

}  // namespace seed::plugin

namespace seed::plugin::entry {

using P = DnsProvider;
const seed_dns_v0 dns_operations = {
    .size = sizeof(seed_dns_v0),
    .check = operation<&P::check>,
    .zones = operation<&P::zones>,
    .ensure_zone = operation<&P::ensure_zone>,
    .list = operation<&P::list>,
    .apply = operation<&P::apply>,
    .remove = operation<&P::remove>,
    .settled = operation<&P::settled>,
    .remove_zone = operation<&P::remove_zone>,
};

}  // namespace seed::plugin::entry
