// What must not be shown: the secrets of one provider's configuration, in the forms in which a plugin may come to say them.
//
// A secret is masked as it is, escaped as JSON, percent-encoded and in base64.  A plugin that wants to tell it finds a way: this is
// for mistakes (an error that quotes a request, a library that prints a URL), not for plugins that attack.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/providers/schema.h"

namespace seed::providers {

class Secrets {
public:
    Secrets() = default;
    // `schema`: the configuration's; its members with "x-seed-secret" are the secrets.  Shorter than 4 bytes are none.
    Secrets(const std::string &schema, const json &config);

    bool empty() const { return forms_.empty(); }
    std::string masked(std::string text) const;
    json masked_json(const json &value) const;  // every text in it; names of members too

private:
    std::vector<std::string> forms_;  // longest first
};

// The same for one body of a contract: members that its schema marks with "x-seed-secret" become "***".
json mask_body(std::string_view kind, std::string_view slot, Body body, json value);

}  // namespace seed::providers
