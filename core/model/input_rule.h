// Which inputs of flakes a hoster allows, as he writes it: "github", "github:NixOS", "tarball:https://releases.nixos.org/".
#pragma once
#include <string>
#include <string_view>

namespace seed::model {

bool is_input_type(std::string_view type);        // github, gitlab, sourcehut, tarball, git
void check_input_rule(const std::string &rule);   // TYPE or TYPE:PREFIX; throws Failure(invalid)

}  // namespace seed::model
