#include "core/build/flake_lock.h"

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/build/bounded_json.h"

namespace seed::build {
namespace {

using nlohmann::json;

std::string text_member(const json &object, const char *name) {
    auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// An input as people write it: "github:owner/repo", "git:URL", "tarball:URL".  Host and ref are no part of what may be left out:
// another host of the same type is another input.
std::string describe(const json &locked) {
    std::string type = text_member(locked, "type");
    std::string text = type + ":";
    if (type == "github" || type == "gitlab" || type == "sourcehut") {
        if (std::string host = text_member(locked, "host"); !host.empty()) text += "//" + host + "/";
        return text + text_member(locked, "owner") + "/" + text_member(locked, "repo");
    }
    if (type == "path") return text + text_member(locked, "path");
    if (type == "indirect") return text + text_member(locked, "id");
    return text + text_member(locked, "url");
}

// "github" covers every input of that type; "github:NixOS" covers what continues with "/" or ends there.
bool covers(const std::string &rule, const std::string &type, const std::string &input) {
    if (type == "path" || type.empty()) return false;
    if (rule == type) return true;
    if (!input.starts_with(rule) || rule.size() <= type.size() + 1) return false;
    return input.size() == rule.size() || rule.ends_with('/') || input[rule.size()] == '/' || input[rule.size()] == '?';
}

}  // namespace

void check_flake_lock(const std::optional<std::string> &text, const std::vector<std::string> &allowed) {
    if (!text) return;
    json lock = parse_bounded(*text, "flake.lock");
    if (!lock.is_object() || !lock.contains("nodes") || !lock["nodes"].is_object())
        throw Failure(Code::invalid, "flake.lock holds no \"nodes\": make it anew with `nix flake lock`");
    std::string root = text_member(lock, "root");
    if (root.empty() || !lock["nodes"].contains(root))
        throw Failure(Code::invalid, "flake.lock names no \"root\" node: make it anew with `nix flake lock`");
    for (const auto &[name, node] : lock["nodes"].items()) {
        if (!node.is_object()) throw Failure(Code::invalid, "flake.lock: node '" + printable(name, 80) + "' is not an object");
        if (name == root && !node.contains("locked")) continue;
        if (!node.contains("locked") || !node["locked"].is_object())
            throw Failure(Code::invalid, "flake.lock: input '" + printable(name, 80) + "' is not locked: run `nix flake lock`");
        const json &locked = node["locked"];
        std::string type = text_member(locked, "type"), input = describe(locked);
        bool good = false;
        for (const auto &rule : allowed) good = good || covers(rule, type, input);
        if (good) continue;
        std::string remedy = allowed.empty() ? "this platform allows no inputs: put what you need into the repository"
                                             : "use an allowed input, or ask the operator to allow this one";
        throw Failure(Code::invalid, "flake.lock: input '" + printable(name, 80) + "' of type '" + printable(type, 40) + "' (" +
                                         printable(input, 200) + ") is not allowed: " + remedy);
    }
}

}  // namespace seed::build
