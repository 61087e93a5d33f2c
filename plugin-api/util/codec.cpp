// The parts of seed/codec.hpp that need not be compiled in every file.
#include <seed/codec.hpp>

namespace seed {

namespace {

constexpr size_t depth_limit = 64;
constexpr size_t size_limit = 16u << 20;

// Refuses deep nesting before anything recursive (dump, comparison) can meet it.
bool too_deep(std::string_view text) {
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > depth_limit) return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return false;
}

std::string shown(const json &value) {
    std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
    return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

// nlohmann's "[json.exception.type_error.302] type must be string, but is number" without its prefix.
std::string without_prefix(std::string_view text) {
    if (text.substr(0, 16) == "[json.exception.") {
        if (auto end = text.find("] "); end != std::string_view::npos) text.remove_prefix(end + 2);
    }
    return std::string(text);
}

}  // namespace

namespace codec {

MemberFailure::MemberFailure(std::string way, std::string why)
    : Failure(Code::invalid, "member '" + way + "' " + why), path(std::move(way)), reason(std::move(why)) {}

void fail_type(const json &value, std::string_view expected) {
    throw Failure(Code::invalid, "must be " + std::string(expected) + ", not " + shown(value));
}

void fail_member(std::string_view name, const std::exception &error) {
    if (auto *inner = dynamic_cast<const MemberFailure *>(&error)) {
        bool index = !inner->path.empty() && inner->path[0] == '[';
        throw MemberFailure(std::string(name) + (index ? "" : ".") + inner->path, inner->reason);
    }
    throw MemberFailure(std::string(name), without_prefix(error.what()));
}

void require_object(const json &value) {
    if (!value.is_object() && !value.is_null()) fail_type(value, "an object");
}

int64_t read_signed(const json &value, int64_t lowest, int64_t highest) {
    bool fits = value.is_number_integer();
    if (fits && value.is_number_unsigned()) fits = value.get<uint64_t>() <= static_cast<uint64_t>(highest);
    if (fits) {
        auto number = value.get<int64_t>();
        if (number >= lowest && number <= highest) return number;
    }
    fail_type(value, "a whole number from " + std::to_string(lowest) + " to " + std::to_string(highest));
}

uint64_t read_unsigned(const json &value, uint64_t highest) {
    if (value.is_number_integer() && (value.is_number_unsigned() || value.get<int64_t>() >= 0)) {
        auto number = value.get<uint64_t>();
        if (number <= highest) return number;
    }
    fail_type(value, "a whole number from 0 to " + std::to_string(highest));
}

}  // namespace codec

json parse_json(std::string_view text, std::string_view what) {
    std::string prefix = std::string(what) + ": not JSON: ";
    if (text.size() > size_limit) throw Failure(Code::invalid, prefix + "longer than 16 MiB");
    if (too_deep(text)) throw Failure(Code::invalid, prefix + "nested deeper than 64 levels");
    try {
        return json::parse(text);
    } catch (const json::exception &error) {
        throw Failure(Code::invalid, prefix + without_prefix(error.what()));
    }
}

void require_members(const json &object, std::span<const char *const> names) {
    for (const char *name : names) {
        if (!object.contains(name)) throw Failure(Code::invalid, std::string("member '") + name + "' is missing");
    }
}

}  // namespace seed
