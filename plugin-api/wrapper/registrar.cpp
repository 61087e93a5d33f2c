#include "operations.hpp"

namespace seed::plugin::entry {

using P = RegistrarProvider;
const seed_registrar_v0 registrar_operations = {
    .size = sizeof(seed_registrar_v0),
    .check = operation<&P::check>,
    .search = operation<&P::search>,
    .price = operation<&P::price>,
    .list = operation<&P::list>,
    .balance = operation<&P::balance>,
    .register_domain = operation<&P::register_domain>,
    .renew = operation<&P::renew>,
    .nameservers = operation<&P::nameservers>,
    .info = operation<&P::info>,
};

}  // namespace seed::plugin::entry
