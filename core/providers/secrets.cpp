#include "core/providers/secrets.h"

#include <algorithm>
#include <cstdio>

#include <seed/codec.hpp>

namespace seed::providers {

namespace {

constexpr std::string_view mask = "***";

std::string percent_encoded(const std::string &text) {
    std::string result;
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        bool plain = (byte >= '0' && byte <= '9') || ((byte | 32) >= 'a' && (byte | 32) <= 'z') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
        char code[4];
        std::snprintf(code, sizeof code, "%%%02X", byte);
        result += plain ? std::string(1, c) : code;
    }
    return result;
}

// Without the last group, which depends on what follows.
std::string base64(std::string_view bytes) {
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string result;
    for (size_t i = 0; i + 3 <= bytes.size(); i += 3) {
        auto at = [&](size_t n) { return static_cast<unsigned>(static_cast<unsigned char>(bytes[i + n])); };
        unsigned group = at(0) << 16 | at(1) << 8 | at(2);
        for (int shift = 18; shift >= 0; shift -= 6) result += letters[(group >> shift) & 63];
    }
    return result;
}

// "#/definitions/RecordSet" of `document`.
const json &resolved(const json &document, const json &schema) {
    static const json none = json::object();
    const json *here = &schema;
    for (int depth = 0; depth < 16 && here->is_object() && here->contains("$ref"); ++depth) {
        std::string place = (*here)["$ref"].get<std::string>();
        json::json_pointer pointer(place.substr(place.find('#') + 1));
        if (!document.contains(pointer)) return none;
        here = &document[pointer];
    }
    return *here;
}

void mask_members(const json &document, const json &given, json &value) {
    const json &schema = resolved(document, given);
    if (!schema.is_object()) return;
    if (schema.value("x-seed-secret", false)) {
        value = mask;
        return;
    }
    if (value.is_object() && schema.contains("properties")) {
        for (const auto &[name, inner] : schema["properties"].items())
            if (value.contains(name)) mask_members(document, inner, value[name]);
    }
    if (value.is_array() && schema.contains("items"))
        for (json &element : value) mask_members(document, schema["items"], element);
}

}  // namespace

Secrets::Secrets(const std::string &schema, const json &config) {
    for (const std::string &secret : secrets_of(schema, config)) {
        std::string escaped = to_json_text(json(secret));
        forms_.push_back(secret);
        forms_.push_back(escaped.substr(1, escaped.size() - 2));
        forms_.push_back(percent_encoded(secret));
        // Wherever it begins within a group of three; what is too short to be told apart is left alone.
        for (size_t skip = 0; skip < 3 && skip < secret.size(); ++skip)
            if (std::string form = base64(std::string_view(secret).substr(skip)); form.size() >= 8) forms_.push_back(form);
    }
    std::sort(forms_.begin(), forms_.end(), [](auto &a, auto &b) { return a.size() != b.size() ? a.size() > b.size() : a < b; });
    forms_.erase(std::unique(forms_.begin(), forms_.end()), forms_.end());
}

std::string Secrets::masked(std::string text) const {
    for (const std::string &form : forms_)
        for (size_t at = 0; (at = text.find(form, at)) != std::string::npos; at += mask.size()) text.replace(at, form.size(), mask);
    return text;
}

json Secrets::masked_json(const json &value) const {
    if (forms_.empty()) return value;
    if (value.is_string()) return masked(value.get<std::string>());
    if (value.is_array()) {
        json result = json::array();
        for (const json &element : value) result.push_back(masked_json(element));
        return result;
    }
    if (value.is_object()) {
        json result = json::object();
        for (const auto &[name, member] : value.items()) result[masked(name)] = masked_json(member);
        return result;
    }
    return value;
}

json mask_body(std::string_view kind, std::string_view slot, Body body, json value) {
    const json &document = contract_schema(kind);
    const char *part = body == Body::request ? "request" : body == Body::reply ? "reply" : "item";
    json::json_pointer place("/slots/" + std::string(slot) + "/" + part);
    if (document.is_object() && document.contains(place)) mask_members(document, document[place], value);
    return value;
}

}  // namespace seed::providers
