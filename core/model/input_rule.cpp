#include "core/model/input_rule.h"

#include <algorithm>
#include <array>

#include <seed/util/failure.h>

namespace seed::model {

bool is_input_type(std::string_view type) {
    static constexpr std::array<std::string_view, 5> types = {"github", "gitlab", "sourcehut", "tarball", "git"};
    return std::find(types.begin(), types.end(), type) != types.end();
}

void check_input_rule(const std::string &rule) {
    std::string type = rule.substr(0, rule.find(':'));
    if (is_input_type(type) && rule.size() != type.size() + 1) return;
    throw Failure(Code::invalid, "must be TYPE or TYPE:PREFIX with github, gitlab, sourcehut, tarball or git, such as github:NixOS");
}

}  // namespace seed::model
