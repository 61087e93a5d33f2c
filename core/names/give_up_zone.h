// A zone beside the platform's own that nobody here wants any more.
#pragma once
#include <memory>
#include <string>

#include "core/base/async.h"
#include "core/providers/provider.h"

namespace seed::names {

// So that the server does not answer for that domain instead of whoever does now.  It goes when the provider made it and nothing is left in
// it; one that stays is told in the log and is no failure.
Task<void> give_up_zone(const Call &call, std::shared_ptr<providers::Provider> dns, std::string zone);

}  // namespace seed::names
