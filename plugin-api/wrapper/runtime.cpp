#include "operations.hpp"

namespace seed::plugin {

void RuntimeProvider::stats(Call &, const runtime::WaitRequest &) {
    throw Failure(Code::unsupported, "this runtime does not count what its boots use");
}

}  // namespace seed::plugin

namespace seed::plugin::entry {

using P = RuntimeProvider;
const seed_runtime_v0 runtime_operations = {
    .size = sizeof(seed_runtime_v0),
    .check = operation<&P::check>,
    .prepare = operation<&P::prepare>,
    .start = operation<&P::start>,
    .inspect = operation<&P::inspect>,
    .wait = operation<&P::wait>,
    .logs = operation<&P::logs>,
    .stop = operation<&P::stop>,
    .destroy = operation<&P::destroy>,
    .list = operation<&P::list>,
    .publish = operation<&P::publish>,
    .images = operation<&P::images>,
    .forget = operation<&P::forget>,
    .recover = operation<&P::recover>,
    .stats = operation<&P::stats>,
};

}  // namespace seed::plugin::entry
