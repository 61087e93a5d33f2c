#include "operations.hpp"

namespace seed::plugin::entry {

using P = StorageProvider;
const seed_storage_v0 storage_operations = {
    .size = sizeof(seed_storage_v0),
    .check = operation<&P::check>,
    .create = operation<&P::create>,
    .attach = operation<&P::attach>,
    .detach = operation<&P::detach>,
    .resize = operation<&P::resize>,
    .remove = operation<&P::remove>,
    .list = operation<&P::list>,
    .usage = operation<&P::usage>,
};

}  // namespace seed::plugin::entry
