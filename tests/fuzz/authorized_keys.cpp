// The .authorized_keys file that a tenant pushes.  Every key it names is canonical: it names itself again, and nothing else.
#include <cstdint>
#include <cstdlib>

#include "core/access/authorized_keys.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace seed::access;
    for (const auto &key : parse_authorized_keys({reinterpret_cast<const char *>(data), size}))
        if (canonical_key(key) != key || parse_authorized_keys(key) != std::vector<std::string>{key}) std::abort();
    return 0;
}
