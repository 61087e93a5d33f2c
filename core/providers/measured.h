// A provider whose calls are reported: kind, plugin, operation, result and duration, for metrics, events and those who trace.  Changes
// nothing else.
#pragma once
#include <seed/util/failure.h>

#include "core/providers/provider.h"
#include "core/providers/trace.h"

namespace seed::providers {

struct CallReport {
    std::string_view kind, plugin, slot;
    Code code = Code::ok;
    Call::Clock::duration duration{};
    bool stream = false;  // its duration says nothing
    bool running = true;  // the provider's host lives; looked at once a second and when a call found it unavailable
    int64_t restarts = -1;  // how often it was started again; -1: not looked at
    std::string last_end;   // why, in the words of the platform
};
using CallObserver = std::function<void(const CallReport &)>;  // on the provider's context; must not throw

// `trace` (may be null) outlives the provider.
std::shared_ptr<Provider> measured(std::shared_ptr<Provider> inner, CallObserver observer, Trace *trace = nullptr);

}  // namespace seed::providers
