// The body of a webhook delivery, after its signature was found good: whoever signs is not always the one who wrote it.
#include <seed/util/failure.h>

#include <cstdint>
#include <cstdlib>

#include "core/front/webhook.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace seed::front;
    std::string_view text(reinterpret_cast<const char *>(data), size);
    if (signed_with_one_of({"a secret that nobody has guessed"}, text.substr(0, 71), text)) std::abort();
    try {
        auto delivery = read_delivery(text);
        if (delivery.push && delivery.repository.empty()) std::abort();
    } catch (const seed::Failure &) {
    }
    return 0;
}
