#include "core/providers/json_members.h"

#include <seed/util/failure.h>

namespace seed::providers {
namespace {

[[noreturn]] void refuse(const char *why) {
    throw Failure(Code::invalid, std::string("frame: not JSON: ") + why);
}

bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

size_t after_space(std::string_view text, size_t at) {
    while (at < text.size() && is_space(text[at])) ++at;
    return at;
}

// `at` is its opening quote; the place behind the closing one.
size_t after_string(std::string_view text, size_t at) {
    for (size_t quote = text.find('"', at + 1); quote != text.npos; quote = text.find('"', quote + 1)) {
        size_t first = quote;
        while (text[first - 1] == '\\') --first;   // ends at the opening quote
        if ((quote - first) % 2 == 0) return quote + 1;
    }
    refuse("a string does not end");
}

size_t after_value(std::string_view text, size_t at) {
    size_t depth = 0;
    while (at < text.size()) {
        char c = text[at];
        if (c == '"') {
            at = after_string(text, at);
            if (depth == 0) return at;
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']' || is_space(c))) return at;   // of a number or a word
        ++at;
        if (c == '{' || c == '[') ++depth;
        if ((c == '}' || c == ']') && --depth == 0) return at;
    }
    refuse("it ends within a value");
}

}  // namespace

std::vector<JsonMember> json_members(std::string_view text) {
    std::vector<JsonMember> members;
    auto at = [&](size_t place) { return place < text.size() ? text[place] : '\0'; };
    size_t place = after_space(text, 0);
    if (at(place) != '{') refuse("an object is expected");
    place = after_space(text, place + 1);
    if (at(place) == '}') {
        if (after_space(text, place + 1) != text.size()) refuse("something follows the object");
        return members;
    }
    for (;;) {
        if (at(place) != '"') refuse("a member has no name");
        size_t name_end = after_string(text, place);
        std::string_view name = text.substr(place + 1, name_end - place - 2);
        place = after_space(text, name_end);
        if (at(place) != ':') refuse("a member has no value");
        place = after_space(text, place + 1);
        size_t end = after_value(text, place);
        if (end == place) refuse("a member has no value");
        members.push_back({name, text.substr(place, end - place)});
        place = after_space(text, end);
        if (at(place) == '}') break;
        if (at(place) != ',') refuse("the members are not separated");
        place = after_space(text, place + 1);
    }
    if (after_space(text, place + 1) != text.size()) refuse("something follows the object");
    return members;
}

std::string_view value_of(const std::vector<JsonMember> &members, std::string_view name) {
    for (const JsonMember &member : members)
        if (member.name == name) return member.value;
    return {};
}

}  // namespace seed::providers
