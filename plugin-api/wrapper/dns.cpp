#include "operations.hpp"

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
};

}  // namespace seed::plugin::entry
