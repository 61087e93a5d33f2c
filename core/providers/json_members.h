// The members of a JSON object as slices of its text.  For what only passes through, such as a request on its way from the core to a
// plugin: it is neither parsed nor written anew.  Where a value is wanted, see parse_json() of seed/codec.hpp.
#pragma once
#include <string_view>
#include <vector>

namespace seed::providers {

struct JsonMember {
    std::string_view name;    // as it is written, without its quotes; escapes are not resolved
    std::string_view value;   // never empty; checked no further than its end could be found
};

// In the order of the text, which must outlive them.  Throws Failure(invalid) when the text is no object, or ends within one.
std::vector<JsonMember> json_members(std::string_view object);

// The value of the first member of that name; empty when there is none.
std::string_view value_of(const std::vector<JsonMember> &members, std::string_view name);

}  // namespace seed::providers
