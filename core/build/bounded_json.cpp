#include "core/build/bounded_json.h"

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::build {

nlohmann::json parse_bounded(std::string_view text, const std::string &what) {
    constexpr int deepest = 64;
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (quoted) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > deepest)
                throw Failure(Code::invalid, what + " nests deeper than " + std::to_string(deepest) + " levels");
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    try {
        return nlohmann::json::parse(text);
    } catch (const nlohmann::json::exception &error) {
        throw Failure(Code::invalid, what + " is not valid JSON: " + printable(error.what(), 200));
    }
}

}  // namespace seed::build
