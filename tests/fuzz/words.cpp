// The command of an SSH exec request.  What is accepted must survive being quoted and split again.
#include <seed/util/failure.h>

#include <cstdint>
#include <cstdlib>

#include "core/front/ssh/words.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using seed::front::split_words;
    std::vector<std::string> words;
    try {
        words = split_words({reinterpret_cast<const char *>(data), size});
    } catch (const seed::Failure &) {
        return 0;
    }
    std::string quoted;
    for (auto &word : words) {
        if (!quoted.empty()) quoted += ' ';
        quoted += '\'';
        for (char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
        quoted += '\'';
    }
    if (quoted.size() <= 16384 && split_words(quoted) != words) std::abort();
    return 0;
}
