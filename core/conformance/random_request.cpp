#include "core/conformance/random_request.h"

#include <algorithm>
#include <array>

#include "core/providers/schema.h"

namespace seed::conformance {

namespace {

// Names a person or an attacker might give.  Few, so that later requests meet what earlier ones made.
constexpr std::array words = {"kit/web/data", "kit/web", "kit-one", "kit.test.", "web.kit.test.", "seed:kit", "kit-one.test",
                              "a", "", ".", "..", "../../etc/passwd", "/etc/passwd", "-o", "--help", "$(id)", "`id`", "a b", "%s%n",
                              "ä.test.", "x\ny", "*.kit.test.", "refs/heads/main", "HEAD", "upload-pack", "receive-pack", "ext4"};
constexpr std::array<int64_t, 10> numbers = {0, 1, 2, 60, 4096, 8388608, 4294967295, 4294967296, -1, INT64_MAX};

}  // namespace

json RandomRequests::wrong() {
    switch (below(8)) {
        case 0: return nullptr;
        case 1: return true;
        case 2: return numbers[below(numbers.size())];
        case 3: return 1.5e300;
        case 4: return json::array({1, "a", nullptr});
        case 5: return {{"a", {{"b", 1}}}};
        case 6: return std::string(below(20) == 0 ? 100'000 : 300, 'x');
        default: return words[below(words.size())];
    }
}

std::string RandomRequests::text(const json &schema) {
    std::string pattern = schema.value("pattern", "");
    if (!pattern.empty() && !one_in(8)) {
        auto digits = [&](size_t count, const char *alphabet, size_t size) {
            std::string result;
            for (size_t i = 0; i < count; ++i) result += alphabet[below(size)];
            return result;
        };
        if (pattern == "^[0-9a-f]{64}$") return digits(64, "0123456789abcdef", 16);
        if (pattern == "^[0-9a-f]{40}$") return digits(40, "0123456789abcdef", 16);
        if (pattern == "^[0-7]{3,4}$") return "0" + digits(3, "01234567", 8);
        if (pattern == "\\.$") return one_in(2) ? "kit.test." : digits(3, "abc", 3) + ".kit.test.";
        if (pattern == "^[A-Z][A-Z0-9]*$") return std::array{"A", "AAAA", "TXT", "CNAME", "SOA", "ZZZ"}[below(6)];
        if (pattern == "^[A-Z]{3}$") return one_in(2) ? "EUR" : "USD";
        if (pattern.rfind("^[0-9]+", 0) == 0) return std::to_string(below(100)) + ".95";
        if (pattern.rfind("^[a-z0-9-]+", 0) == 0) return digits(2, "abc", 3) + ".test";
    }
    if (one_in(3)) return "kit" + std::to_string(below(5));
    return words[below(words.size())];
}

json RandomRequests::value(const json &schema, const json &definitions, int depth) {
    if (one_in(40)) return wrong();
    if (depth > 12 || !schema.is_object()) return nullptr;
    if (schema.contains("$ref")) {
        std::string name = schema["$ref"];
        return value(definitions.at(name.substr(name.rfind('/') + 1)), definitions, depth + 1);
    }
    if (schema.contains("anyOf")) return value(schema["anyOf"][below(schema["anyOf"].size())], definitions, depth + 1);
    if (schema.contains("enum")) return schema["enum"][below(schema["enum"].size())];
    std::string type = schema.contains("type") && schema["type"].is_string() ? schema["type"].get<std::string>() : "object";
    if (type == "boolean") return one_in(2);
    if (type == "integer" || type == "number") return numbers[below(numbers.size())];
    if (type == "string") return text(schema);
    if (type == "array") {
        json list = json::array();
        for (size_t count = one_in(50) ? 500 : below(4); count > 0; --count)
            list.push_back(value(schema.value("items", json::object()), definitions, depth + 1));
        return list;
    }
    json object = json::object();
    if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object())
        object[words[below(words.size())]] = value(schema["additionalProperties"], definitions, depth + 1);
    json required = schema.value("required", json::array());
    const json members = schema.value("properties", json::object());
    for (const auto &[name, member] : members.items()) {
        bool needed = std::find(required.begin(), required.end(), name) != required.end();
        if (needed ? !one_in(30) : one_in(2)) object[name] = value(member, definitions, depth + 1);
    }
    if (one_in(10)) object["x-unknown"] = wrong();
    return object;
}

json RandomRequests::request(const std::string &slot) {
    const json &contract = providers::contract_schema(kind_);
    json::json_pointer where("/slots/" + slot + "/request");
    if (!contract.is_object() || !contract.contains(where)) return json::object();
    return value(contract[where], contract["definitions"], 0);
}

std::string RandomRequests::bytes() {
    switch (below(7)) {
        case 0: return "";
        case 1: return "{";
        case 2: return "[]";
        case 3: return "null";
        case 4: return std::string(5000, '[');
        case 5: return "{\"a\":\"\xff\xfe\"}";
        default: {
            std::string garbage;
            for (size_t count = below(200); count > 0; --count) garbage += static_cast<char>(random_());
            return garbage;
        }
    }
}

}  // namespace seed::conformance
