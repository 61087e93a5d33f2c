// What the platform makes of an instance's `meta`: a line of JSON {"name","meta"} in, a line {"spec"} or {"refused"} out.
// tests/nix/rules.py holds it against nixos/lib.
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>

#include "core/model/connect_rules.h"
#include "core/model/instance_spec.h"
#include "core/model/names.h"

using nlohmann::json;

int main() {
    const std::string path = "/nix/store/00000000000000000000000000000000-system";
    for (std::string line; std::getline(std::cin, line);) {
        json asked = json::parse(line), answer;
        try {
            if (asked.contains("cid")) {
                answer = {{"namespace", seed::model::Namespace::of_cid(asked["cid"].get<std::string>()).str()}};
            } else if (asked.contains("flake")) {   // {"NAME": meta, ...}: the rules between instances
                std::map<std::string, seed::model::InstanceSpec> specs;
                for (const auto &[name, meta] : asked["flake"].items())
                    specs.emplace(name, seed::model::parse_instance(name, {{"meta", meta}, {"outPath", path}}));
                seed::model::refuse_impossible_connections(specs);
                answer = {{"sound", true}};
            } else {
                auto spec = seed::model::parse_instance(asked["name"].get<std::string>(), {{"meta", asked["meta"]}, {"outPath", path}});
                answer = {{"spec", seed::model::to_json(spec)}};
            }
        } catch (const seed::Failure &failure) {
            answer = {{"refused", failure.what()}};
        }
        std::cout << answer.dump(-1, ' ', true, json::error_handler_t::replace) << std::endl;
    }
}
