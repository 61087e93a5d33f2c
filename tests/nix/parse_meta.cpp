// What the platform makes of an instance's `meta`: a line of JSON {"name","meta"} in, a line {"spec"} or {"refused"} out.
// tests/nix/rules.py holds it against nixos/lib.
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>

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
            } else if (asked.contains("flake")) {   // {"seeds": {"NAME": meta, ...}, "domains", "ipv4", "ipv6"}: what only the whole shows
                json evaluated = asked["flake"];
                for (auto &[name, meta] : evaluated["seeds"].items()) meta = {{"meta", meta}, {"outPath", path}};
                answer["specs"] = json::object();
                for (const auto &[name, spec] : seed::model::parse_flake(evaluated)) answer["specs"][name] = seed::model::to_json(spec);
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
