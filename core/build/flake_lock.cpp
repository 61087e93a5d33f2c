#include "core/build/flake_lock.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/build/bounded_json.h"
#include "core/build/https_url.h"
#include "core/build/store_path.h"
#include "core/model/input_rule.h"

namespace seed::build {
namespace {

using nlohmann::json;

constexpr const char *make_anew = "make it anew with `nix flake lock`";

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
    if (!model::is_input_type(type)) return false;
    if (rule == type || rule == "public") return true;
    if (!input.starts_with(rule) || rule.size() <= type.size() + 1) return false;
    return input.size() == rule.size() || rule.ends_with('/') || input[rule.size()] == '/' || input[rule.size()] == '?';
}

bool is_revision(std::string_view text) {
    return (text.size() == 40 || text.size() == 64) && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A component of a forge's address: no separator, no way up, nothing that wants quoting.
bool is_forge_name(std::string_view text) {
    return !text.empty() && text.size() <= 100 && text[0] != '.' && text[0] != '-' && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
    });
}

class Node {
public:
    Node(std::string name, const json &locked) : name_(printable(name, 80)), locked_(locked) {}

    LockedInput read(const InputRules &rules) const {
        LockedInput input;
        input.name = name_;
        std::string type = text_member(locked_, "type");
        input.text = printable(describe(locked_), 200);
        if (auto repository = platform_repository(type, rules.platform_host)) {
            input.from = LockedInput::From::platform;
            input.repository = *repository;
            read_git(input);
        } else {
            check_allowed(type, rules);
            if (type == "git") {
                input.from = LockedInput::From::git;
                input.url = text_member(locked_, "url");
                read_git(input);
            } else {
                input.url = type == "tarball" ? text_member(locked_, "url") : forge_address(type);
            }
            auto url = HttpsUrl::parse(input.url);
            if (!url)
                refuse("has an address that is not https://HOST/PATH ('" + printable(input.url, 200) + "')",
                       "use one that everybody can fetch over https");
            if (url->port != 443) refuse("names port " + std::to_string(url->port), "inputs are fetched from port 443 only");
            input.host = url->host;
        }
        if (std::string kind = text_member(locked_, "name"); !kind.empty() && kind != "source")
            refuse("has a name of its own ('" + printable(kind, 80) + "')", "leave out `name`");
        input.nar_hash = text_member(locked_, "narHash");
        auto hash = parse_sri_sha256(input.nar_hash);
        if (!hash) refuse("has no narHash of the form sha256-...", make_anew);
        input.store_path = source_store_path(*hash);
        input.key = sha256_hex(std::to_string(static_cast<int>(input.from)) + "\n" + input.url + "\n" + input.repository + "\n" +
                               input.revision + "\n" + input.nar_hash);
        return input;
    }

private:
    [[noreturn]] void refuse(const std::string &reason, const std::string &remedy) const {
        throw Failure(Code::invalid, "flake.lock: input '" + name_ + "' " + reason + ": " + remedy);
    }

    void check_allowed(const std::string &type, const InputRules &rules) const {
        std::string input = describe(locked_);
        for (const auto &rule : rules.allowed)
            if (covers(rule, type, input)) return;
        std::string remedy = "use an allowed input, or ask the operator to allow this one (builder.inputs)";
        if (rules.allowed.empty()) remedy = "this platform allows no inputs: put what you need into the repository";
        if (type == "path") remedy = "a folder of the machine that locked it: put it into the repository";
        refuse("of type '" + printable(type, 40) + "' (" + printable(input, 200) + ") is not allowed", remedy);
    }

    bool has_number(const char *member) const {
        auto found = locked_.find(member);
        return found != locked_.end() && found->is_number_integer();
    }
    bool is_true(const char *member) const {
        auto found = locked_.find(member);
        return found != locked_.end() && *found == true;
    }

    // Nix takes a source from its store only when the lock says all of this; it would want the network otherwise.
    void read_git(LockedInput &input) const {
        input.revision = revision();
        if (is_true("submodules") || is_true("lfs")) refuse("wants submodules or large files", "only plain repositories are fetched here");
        if (locked_.contains("ref") && !has_number("revCount") && !is_true("shallow")) refuse("has no revCount", make_anew);
    }
    std::string revision() const {
        std::string rev = text_member(locked_, "rev");
        if (!is_revision(rev)) refuse("has no rev of 40 hex digits", make_anew);
        if (!has_number("lastModified")) refuse("has no lastModified", make_anew);
        return rev;
    }

    std::string forge_address(const std::string &type) const {
        std::string rev = revision(), owner = text_member(locked_, "owner"), repo = text_member(locked_, "repo");
        std::string host = text_member(locked_, "host");
        if (host.empty()) host = type == "github" ? "github.com" : type == "gitlab" ? "gitlab.com" : "git.sr.ht";
        // GitLab has groups in groups, SourceHut has "~user".
        std::string encoded;
        std::string bare = type == "sourcehut" && owner.starts_with("~") ? owner.substr(1) : owner;
        for (size_t at; (at = bare.find("%2F")) != std::string::npos;) bare.replace(at, 3, "/");
        std::vector<std::string> parts = split(bare, '/');
        if (type != "gitlab" && parts.size() != 1) parts.clear();
        for (const auto &part : parts) {
            if (!is_forge_name(part)) parts.clear();
            encoded += (encoded.empty() ? "" : "%2F") + part;
            if (parts.empty()) break;
        }
        if (parts.empty() || parts.size() > 20 || !is_forge_name(repo)) refuse("has an owner or repo that is no name", make_anew);
        std::string base = "https://" + host + "/";
        if (type == "github") return base + encoded + "/" + repo + "/archive/" + rev + ".tar.gz";
        if (type == "gitlab") return base + "api/v4/projects/" + encoded + "%2F" + repo + "/repository/archive.tar.gz?sha=" + rev;
        return base + "~" + encoded + "/" + repo + "/archive/" + rev + ".tar.gz";
    }

    // "ssh://[USER@]HOST[:PORT]/NAME[.git]", or https, of this platform's own host.
    std::optional<std::string> platform_repository(const std::string &type, const std::string &host) const {
        if (type != "git" || host.empty()) return std::nullopt;
        std::string url = text_member(locked_, "url");
        std::string_view rest = url;
        if (rest.starts_with("ssh://"))
            rest.remove_prefix(6);
        else if (rest.starts_with("https://"))
            rest.remove_prefix(8);
        else
            return std::nullopt;
        size_t slash = rest.find('/');
        if (slash == std::string_view::npos) return std::nullopt;
        std::string_view authority = rest.substr(0, slash), path = rest.substr(slash + 1);
        if (size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
        if (size_t colon = authority.rfind(':'); colon != std::string_view::npos) {
            std::string_view port = authority.substr(colon + 1);
            if (port.empty() || port.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
            authority = authority.substr(0, colon);
        }
        if (to_lower(authority) != to_lower(host)) return std::nullopt;
        if (path.ends_with(".git")) path.remove_suffix(4);
        if (!is_forge_name(path)) refuse("names no repository of this platform ('" + printable(url, 200) + "')", "use ssh://" + host + "/NAME.git");
        return std::string(path);
    }

    std::string name_;
    const json &locked_;
};

// What each node's `inputs` lead to.  Nix follows them without a limit; here a walk that goes in circles, or that a small file
// makes endless, is refused.
class Follows {
public:
    Follows(const json &nodes, const std::string &root) : nodes_(nodes), root_(root) {}
    void check() {
        for (const auto &[name, node] : nodes_.items()) {
            auto inputs = node.find("inputs");
            if (inputs == node.end()) continue;
            if (!inputs->is_object()) fail(name, "has inputs that are no object");
            for (const auto &[input, target] : inputs->items()) lead(target, name, 0);
        }
    }

private:
    [[noreturn]] static void fail(const std::string &name, const std::string &what) {
        throw Failure(Code::invalid, "flake.lock: node '" + printable(name, 80) + "' " + what + ": " + make_anew);
    }
    std::string lead(const json &target, const std::string &from, int depth) {
        if (depth > 32 || ++steps_ > 10000) fail(from, "follows inputs in a circle, or too far");
        if (target.is_string()) {
            std::string name = target.get<std::string>();
            if (!nodes_.contains(name)) fail(from, "has an input '" + printable(name, 80) + "' that is not in the file");
            return name;
        }
        if (!target.is_array()) fail(from, "has an input that is neither a node nor a path");
        std::string at = root_;
        for (const auto &step : target) {
            const json &node = nodes_.at(at);
            auto inputs = node.find("inputs");
            if (!step.is_string() || inputs == node.end() || !inputs->is_object() || !inputs->contains(step.get<std::string>()))
                fail(from, "follows an input that is not there");
            at = lead(inputs->at(step.get<std::string>()), from, depth + 1);
        }
        return at;
    }
    const json &nodes_;
    std::string root_;
    int steps_ = 0;
};

}  // namespace

std::vector<LockedInput> read_flake_lock(const std::optional<std::string> &text, const InputRules &rules) {
    if (!text) return {};
    json lock = parse_bounded(*text, "flake.lock");
    if (!lock.is_object() || !lock.contains("nodes") || !lock["nodes"].is_object())
        throw Failure(Code::invalid, std::string("flake.lock holds no \"nodes\": ") + make_anew);
    const json &nodes = lock["nodes"];
    std::string root = text_member(lock, "root");
    if (root.empty() || !nodes.contains(root))
        throw Failure(Code::invalid, std::string("flake.lock names no \"root\" node: ") + make_anew);
    if (nodes.size() > most_inputs + 1)
        throw Failure(Code::invalid, "flake.lock has " + std::to_string(nodes.size() - 1) + " inputs, at most " +
                                         std::to_string(most_inputs) + " are fetched: share them with `follows`");
    std::vector<LockedInput> inputs;
    std::set<std::string> seen;
    for (const auto &[name, node] : nodes.items()) {
        if (!node.is_object()) throw Failure(Code::invalid, "flake.lock: node '" + printable(name, 80) + "' is not an object: " + make_anew);
        if (name == root && !node.contains("locked")) continue;
        if (!node.contains("locked") || !node["locked"].is_object())
            throw Failure(Code::invalid, "flake.lock: input '" + printable(name, 80) + "' is not locked: run `nix flake lock`");
        LockedInput input = Node(name, node["locked"]).read(rules);
        if (seen.insert(input.key).second) inputs.push_back(std::move(input));
    }
    Follows(nodes, root).check();
    return inputs;
}

std::optional<std::string> for_older_nix(const std::string &text) {
    static const std::set<std::string> known = {"type", "url", "narHash", "name"};
    json lock = parse_bounded(text, "flake.lock");
    bool changed = false;
    for (auto &node : lock["nodes"]) {
        if (!node.contains("locked") || text_member(node["locked"], "type") != "tarball") continue;
        json kept = json::object();
        for (const auto &[name, value] : node["locked"].items())
            if (known.contains(name)) kept[name] = value;
        changed = changed || kept.size() != node["locked"].size();
        node["locked"] = std::move(kept);
    }
    if (!changed) return std::nullopt;
    return lock.dump();
}

}  // namespace seed::build
