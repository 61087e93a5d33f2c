// JSON codecs of the contract structs.  A struct lists its members once (SEED_JSON); missing members keep their defaults,
// unknown members are ignored, a wrong type or a number out of range is Failure(invalid) naming the member: "sets[2].ttl".
#pragma once
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <seed/util/failure.h>

namespace seed {

using json = nlohmann::json;

namespace codec {

// A Failure that collects the way to the member on its way out: "ttl" becomes "sets[2].ttl".
class MemberFailure : public Failure {
public:
    MemberFailure(std::string path, std::string reason);
    const std::string path, reason;
};
[[noreturn]] void fail_type(const json &value, std::string_view expected);
[[noreturn]] void fail_member(std::string_view name, const std::exception &error);  // prepends `name`
void require_object(const json &value);                                             // null counts as {}
// A whole number from `lowest` to `highest`; both are given as the widest types.
int64_t read_signed(const json &value, int64_t lowest, int64_t highest);
uint64_t read_unsigned(const json &value, uint64_t highest);

template <typename T>
void read_value(const json &value, T &out) {
    if constexpr (std::is_same_v<T, bool>) {
        if (!value.is_boolean()) fail_type(value, "true or false");
        out = value.get<bool>();
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
        out = static_cast<T>(read_signed(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
    } else if constexpr (std::is_integral_v<T>) {
        out = static_cast<T>(read_unsigned(value, std::numeric_limits<T>::max()));
    } else {
        value.get_to(out);
    }
}
inline void read_value(const json &value, std::string &out) {
    if (!value.is_string()) fail_type(value, "a string");
    out = value.get_ref<const std::string &>();
}
template <typename T>
void read_value(const json &value, std::optional<T> &out) {
    if (value.is_null()) return out.reset();
    read_value(value, out.emplace());
}
template <typename T>
void read_value(const json &value, std::vector<T> &out) {
    if (!value.is_array()) fail_type(value, "an array");
    out.clear();
    for (size_t i = 0; i < value.size(); ++i) try {
            T element{};
            read_value(value[i], element);
            out.push_back(std::move(element));
        } catch (const std::exception &error) {
            fail_member("[" + std::to_string(i) + "]", error);
        }
}
template <typename T>
void read_value(const json &value, std::map<std::string, T> &out) {
    if (!value.is_object()) fail_type(value, "an object");
    out.clear();
    for (const auto &[key, element] : value.items()) try {
            read_value(element, out[key]);
        } catch (const std::exception &error) {
            fail_member(key, error);
        }
}
template <typename T>
void read_member(const json &object, const char *name, T &out) {
    auto found = object.find(name);
    if (found == object.end()) return;
    try {
        read_value(*found, out);
    } catch (const std::exception &error) {
        fail_member(name, error);
    }
}

template <typename T>
void write_member(json &object, const char *name, const T &value) {
    object[name] = value;
}
template <typename T>
void write_member(json &object, const char *name, const std::optional<T> &value) {
    if (value) object[name] = *value;
}

}  // namespace codec

#define SEED_JSON_READ_MEMBER(member) ::seed::codec::read_member(seed_json_source, #member, seed_json_target.member);
#define SEED_JSON(Type, ...)                                                                \
    inline void to_json(nlohmann::json &nlohmann_json_j, const Type &nlohmann_json_t) {     \
        nlohmann_json_j = nlohmann::json::object();                                         \
        NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(NLOHMANN_JSON_TO, __VA_ARGS__))            \
    }                                                                                       \
    inline void from_json(const nlohmann::json &seed_json_source, Type &seed_json_target) { \
        ::seed::codec::require_object(seed_json_source);                                    \
        NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(SEED_JSON_READ_MEMBER, __VA_ARGS__))       \
    }

// The same for structs with std::optional members: an empty one is left out instead of written.
#define SEED_JSON_WRITE_MEMBER(member) ::seed::codec::write_member(seed_json_target, #member, seed_json_source.member);
#define SEED_JSON_OPTIONAL(Type, ...)                                                       \
    inline void to_json(nlohmann::json &seed_json_target, const Type &seed_json_source) {   \
        seed_json_target = nlohmann::json::object();                                        \
        NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(SEED_JSON_WRITE_MEMBER, __VA_ARGS__))      \
    }                                                                                       \
    inline void from_json(const nlohmann::json &seed_json_source, Type &seed_json_target) { \
        ::seed::codec::require_object(seed_json_source);                                    \
        NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(SEED_JSON_READ_MEMBER, __VA_ARGS__))       \
    }

// The members without which a request is refused before it reaches the provider; the same list as in the contract's schema.
#define SEED_REQUIRED(Type, ...)                                           \
    inline std::span<const char *const> required_members(const Type *) {   \
        static constexpr const char *names[] = {__VA_ARGS__};              \
        return names;                                                      \
    }
inline std::span<const char *const> required_members(const void *) { return {}; }

// Text to JSON; Failure(invalid) "<what>: not JSON: ..." otherwise.  Depth and size are bounded (64 levels, 16 MiB).
json parse_json(std::string_view text, std::string_view what);

template <typename T>
T from_json_text(std::string_view text, std::string_view what) {
    try {
        T value{};
        codec::read_value(parse_json(text, "body"), value);
        return value;
    } catch (const Failure &error) {
        throw error.within(what);
    } catch (const json::exception &error) {
        throw Failure(Code::invalid, std::string(what) + ": " + error.what());
    }
}
// A request of type T as a plugin gets it: an object, complete, every member of its type.  Failure(invalid) otherwise.
void require_members(const json &object, std::span<const char *const> names);
template <typename T>
T request_from_text(std::string_view text) {
    try {
        json body = parse_json(text, "body");
        if (!body.is_object()) codec::fail_type(body, "an object");
        require_members(body, required_members(static_cast<const T *>(nullptr)));
        T value{};
        codec::read_value(body, value);
        return value;
    } catch (const Failure &error) {
        throw error.within("request");
    } catch (const json::exception &error) {
        throw Failure(Code::invalid, std::string("request: ") + error.what());
    }
}
inline std::string to_json_text(const json &value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}
template <typename T>
std::string to_json_text(const T &value) {
    return to_json_text(json(value));
}

}  // namespace seed
