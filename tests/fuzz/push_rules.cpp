// What git hands to its hooks: the names of refs come from the pusher.
#include <seed/util/failure.h>

#include <cstdint>
#include <cstdlib>

#include "plugins/git-silo/push_rules.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace seed::silo;
    try {
        auto updates = parse_updates({reinterpret_cast<const char *>(data), size});
        if (objection(updates, {})) return 0;
        for (auto &update : updates)
            if (update.ref.find("/-") != std::string::npos || update.ref.find('\x1b') != std::string::npos) std::abort();
    } catch (const seed::Failure &) {
    }
    return 0;
}
