// JSON Schemas: of a plugin's configuration, and of the bodies of our contracts (plugin-api/schema/*.json, built in).
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace seed::providers {

using json = nlohmann::json;

// A compiled schema.  Making one throws Failure(invalid) when the schema itself is wrong.  Checking is const and thread-safe.
class Schema {
public:
    explicit Schema(const json &schema);
    ~Schema();
    Schema(Schema &&) noexcept;
    // None: it fits.  Otherwise "'sets[0].ttl': ..." naming the place and the rule.
    std::optional<std::string> mistake(const json &value) const;

private:
    struct Compiled;
    std::unique_ptr<Compiled> compiled_;
};

// Throws Failure(invalid) naming the plugin, the key and the rule.  An empty schema allows everything.
void check_config(const std::string &plugin, const std::string &schema, const json &config);

// The text values in `config` whose schema says "x-seed-secret": true; they are masked in logs and errors.
std::vector<std::string> secrets_of(const std::string &schema, const json &config);

enum class Body { request, reply, item };
// Checks one body of a contract; throws Failure(internal) when it breaks the schema.  Slots without a schema pass.
void check_body(std::string_view kind, std::string_view slot, Body body, const json &value);
// The schema document of a contract as it is in plugin-api/schema, null when there is none.
const json &contract_schema(std::string_view kind);

}  // namespace seed::providers
