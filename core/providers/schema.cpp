// The only file that includes valijson: it is large and slow to compile.
#include "core/providers/schema.h"

#include <map>
#include <mutex>

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <seed/codec.hpp>

#include "core/providers/contract_schemas.h"

namespace seed::providers {

struct Schema::Compiled {
    valijson::Schema schema;
};

Schema::Schema(const json &schema) : compiled_(std::make_unique<Compiled>()) {
    try {
        valijson::adapters::NlohmannJsonAdapter adapter(schema);
        valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
        parser.populateSchema(adapter, compiled_->schema);
    } catch (const std::exception &error) {
        throw Failure(Code::invalid, std::string("not a JSON Schema: ") + error.what());
    }
}
Schema::~Schema() = default;
Schema::Schema(Schema &&) noexcept = default;

namespace {

// valijson's way to a value, "<root>", "[sets]", "[0]", "[ttl]", as "sets[0].ttl".
std::string path_of(const std::vector<std::string> &context) {
    std::string path;
    for (const std::string &part : context) {
        if (part.size() < 3 || part.front() != '[') continue;
        std::string name = part.substr(1, part.size() - 2);
        bool index = name.find_first_not_of("0123456789") == std::string::npos;
        path += index ? "[" + name + "]" : (path.empty() ? "" : ".") + name;
    }
    return path;
}

}  // namespace

std::optional<std::string> Schema::mistake(const json &value) const {
    valijson::Validator validator;
    valijson::ValidationResults results;
    valijson::adapters::NlohmannJsonAdapter adapter(value);
    if (validator.validate(compiled_->schema, adapter, &results)) return std::nullopt;
    // The deepest mistake says most; the outer ones only repeat that something inside is wrong.
    std::optional<valijson::ValidationResults::Error> best;
    valijson::ValidationResults::Error error;
    while (results.popError(error)) {
        if (!best || error.context.size() > best->context.size()) best = error;
    }
    if (!best) return "does not fit its schema";
    std::string path = path_of(best->context);
    std::string rule = best->description;
    while (!rule.empty() && (rule.back() == '.' || rule.back() == ' ')) rule.pop_back();
    return (path.empty() ? "" : "'" + path + "': ") + rule;
}

void check_config(const std::string &plugin, const std::string &schema, const json &config) {
    if (schema.empty()) return;
    std::optional<std::string> mistake;
    try {
        mistake = Schema(parse_json(schema, "config schema")).mistake(config);
    } catch (const Failure &failure) {
        throw Failure(Code::internal, plugin + ": the plugin's own configuration schema is broken: " + failure.what());
    }
    if (mistake) throw Failure(Code::invalid, plugin + ": configuration " + *mistake);
}

namespace {

void collect_secrets(const json &schema, const json &value, std::vector<std::string> &secrets) {
    if (!schema.is_object()) return;
    if (schema.value("x-seed-secret", false) && value.is_string() && value.get_ref<const std::string &>().size() >= 4) {
        secrets.push_back(value.get<std::string>());
    }
    if (value.is_object() && schema.contains("properties")) {
        for (const auto &[key, inner] : schema["properties"].items()) {
            if (value.contains(key)) collect_secrets(inner, value[key], secrets);
        }
    }
    if (value.is_array() && schema.contains("items")) {
        for (const json &element : value) collect_secrets(schema["items"], element, secrets);
    }
}

}  // namespace

std::vector<std::string> secrets_of(const std::string &schema, const json &config) {
    std::vector<std::string> secrets;
    if (!schema.empty()) collect_secrets(parse_json(schema, "config schema"), config, secrets);
    return secrets;
}

const json &contract_schema(std::string_view kind) {
    static const auto &all = *new std::map<std::string, json, std::less<>>([] {
        std::map<std::string, json, std::less<>> schemas;
        for (const auto &[name, text] : contract_schema_texts) schemas[name] = json::parse(text);
        return schemas;
    }());
    static const json none;
    auto found = all.find(kind);
    return found == all.end() ? none : found->second;
}

void check_body(std::string_view kind, std::string_view slot, Body body, const json &value) {
    const char *part = body == Body::request ? "request" : body == Body::reply ? "reply" : "item";
    std::string key = std::string(kind) + "." + std::string(slot) + " " + part;

    static std::mutex lock;
    static auto &compiled = *new std::map<std::string, std::unique_ptr<Schema>>;
    const Schema *schema;
    {
        std::lock_guard guard(lock);
        auto found = compiled.find(key);
        if (found == compiled.end()) {
            const json &contract = contract_schema(kind);
            json::json_pointer where("/slots/" + std::string(slot) + "/" + part);
            std::unique_ptr<Schema> made;
            if (contract.is_object() && contract.contains(where)) {
                json document = {{"definitions", contract["definitions"]}, {"allOf", json::array({contract[where]})}};
                made = std::make_unique<Schema>(document);
            }
            found = compiled.emplace(key, std::move(made)).first;
        }
        schema = found->second.get();
    }
    if (!schema) return;
    if (auto mistake = schema->mistake(value)) {
        throw Failure(Code::internal, key + " breaks the contract's schema: " + *mistake);
    }
}

}  // namespace seed::providers
