// A frame as a plugin host takes it apart.  Holds: every text gives slices of itself or Failure(invalid), and what a parser takes for an
// object gives the parser's members, each with its value.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include <seed/util/failure.h>

#include "core/providers/json_members.h"

namespace {

using nlohmann::json;

// The slices that have one name are values of members of that name; a parser keeps the last one.
void compare(const json &parsed, const std::vector<seed::providers::JsonMember> &members) {
    json found = json::object();
    for (const auto &member : members)
        found[json::parse("\"" + std::string(member.name) + "\"").get<std::string>()] = json::parse(member.value);
    if (found != parsed) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::string_view text(reinterpret_cast<const char *>(data), size);
    json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
    bool object = parsed.is_object() && text[0] != '\xef';   // a parser passes over a byte order mark
    try {
        auto members = seed::providers::json_members(text);
        for (const auto &member : members)
            for (std::string_view slice : {member.name, member.value})
                if (slice.data() < text.data() || slice.data() + slice.size() > text.data() + text.size()) abort();
        for (const auto &member : members)
            if (member.value.empty()) abort();
        if (object) compare(parsed, members);
    } catch (const seed::Failure &failure) {
        if (object || failure.code() != seed::Code::invalid) abort();
    }
    return 0;
}
