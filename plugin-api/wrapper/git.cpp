#include "operations.hpp"

namespace seed::plugin::entry {

using P = GitProvider;
const seed_git_v0 git_operations = {
    .size = sizeof(seed_git_v0),
    .check = operation<&P::check>,
    .list = operation<&P::list>,
    .create = operation<&P::create>,
    .remove = operation<&P::remove>,
    .resolve = operation<&P::resolve>,
    .read = operation<&P::read>,
    .fetch = operation<&P::fetch>,
    .serve = operation<&P::serve>,
};

}  // namespace seed::plugin::entry
