// What a box says to its proxy.  Holds: a host and a port that are just that, incomplete, or a Failure; and the same answer for the
// request however much follows it.
#include "core/programs/seed-fetch-proxy/connect_request.h"

#include <cstdint>
#include <cstdlib>

#include <seed/util/failure.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::string_view bytes(reinterpret_cast<const char *>(data), size);
    try {
        auto request = seed::fetch::parse_connect(bytes);
        if (!request) return 0;
        if (request->size > bytes.size() || request->target.port == 0 || request->target.host.empty() || request->target.host.front() == '-') abort();
        if (request->target.host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.:_") != std::string::npos) abort();
        auto alone = seed::fetch::parse_connect(bytes.substr(0, request->size));
        if (!alone || alone->target.text() != request->target.text()) abort();
    } catch (const seed::Failure &) {
    }
    return 0;
}
