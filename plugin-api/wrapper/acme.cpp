#include "operations.hpp"

namespace seed::plugin::entry {

using P = AcmeProvider;
const seed_acme_v0 acme_operations = {
    .size = sizeof(seed_acme_v0),
    .check = operation<&P::check>,
    .account = operation<&P::account>,
    .order = operation<&P::order>,
    .finalize = operation<&P::finalize>,
    .revoke = operation<&P::revoke>,
    .renewal_info = operation<&P::renewal_info>,
    .key_change = operation<&P::key_change>,
};

}  // namespace seed::plugin::entry
