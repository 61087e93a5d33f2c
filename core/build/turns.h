// Whose step runs: one at a time per namespace, in order of asking; different namespaces side by side, up to a number.
// One context only.
#pragma once
#include <list>
#include <memory>
#include <set>
#include <string>

#include "core/base/async.h"

namespace seed::build {

class Turns {
public:
    Turns(asio::any_io_executor executor, unsigned parallel);
    // The turn ends when the returned token goes.  Throws Failure(timeout or cancelled) when the call ends first.
    Task<std::shared_ptr<void>> take(Call call, std::string ns);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace seed::build
