// JSON codecs of the contract structs.  A struct lists its members once (SEED_JSON); missing members keep their defaults,
// unknown members are ignored, a wrong type is Failure(invalid).
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include <seed/util/failure.h>

namespace seed {

using json = nlohmann::json;

#define SEED_JSON(Type, ...) NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Type, __VA_ARGS__)

// Text to JSON; Failure(invalid) "<what>: not JSON: ..." otherwise.  Depth and size are bounded.
json parse_json(std::string_view text, std::string_view what);

template <typename T>
T from_json_text(std::string_view text, std::string_view what) {
    try {
        return parse_json(text, what).template get<T>();
    } catch (const json::exception &error) {
        throw Failure(Code::invalid, std::string(what) + ": " + error.what());
    }
}
template <typename T>
std::string to_json_text(const T &value) {
    return json(value).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace seed
