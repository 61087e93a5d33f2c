#include "core/config/config.h"

#include <arpa/inet.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <set>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/nearest.h>
#include <seed/util/text.h>

#include "core/model/addresses.h"
#include "core/model/input_rule.h"
#include "core/model/names.h"

namespace seed::config {
namespace {

constexpr size_t most_bytes = 1u << 20, most_values = 10000;
const std::vector<std::string> kinds = {"runtime", "dns", "git", "storage", "registrar", "acme"};

std::vector<std::string> default_plugin_directories() {
    return {(program_directory().parent_path() / "plugins").lexically_normal().string()};
}

// Reads one document and remembers every mistake instead of stopping at the first.
class Reader {
public:
    Reader(std::string name) : name_(std::move(name)) {}

    void mistake(const YAML::Node &node, const std::string &path, const std::string &text) {
        mistake(node.Mark().line + 1, path, text);
    }
    void mistake(int line, const std::string &path, const std::string &text) {
        // Keys and values come from the file: one mistake stays one line whatever they hold.
        mistakes_.push_back(
            printable(name_ + ":" + std::to_string(std::max(line, 1)) + ": " + (path.empty() ? "" : path + ": ") + text, 1024));
    }
    void finish() const {
        if (mistakes_.empty()) return;
        std::string all;
        for (const auto &line : mistakes_) all += (all.empty() ? "" : "\n") + line;
        throw Failure(Code::invalid, all);
    }

    using Field = std::function<void(const YAML::Node &, const std::string &path)>;
    // A mapping with these keys and no others.
    void mapping(const YAML::Node &node, const std::string &path, const std::map<std::string, Field> &fields) {
        if (!node.IsMap()) return mistake(node, path, "must be a mapping (KEY: VALUE)");
        std::set<std::string> seen;
        for (const auto &entry : node) {
            std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
            std::string full = path.empty() ? key : path + "." + key;
            if (!seen.insert(key).second) {
                mistake(entry.first, full, "is given twice; remove one");
                continue;
            }
            auto field = fields.find(key);
            if (field != fields.end()) {
                field->second(entry.second, full);
                continue;
            }
            std::vector<std::string> known;
            std::string all;
            for (const auto &[name, reader] : fields) {
                known.push_back(name);
                all += (all.empty() ? "" : ", ") + name;
            }
            std::string meant(nearest(key, known));
            mistake(entry.first, full, "is not a known key; " + (meant.empty() ? "known here: " + all : "did you mean " + meant + "?"));
        }
    }
    Field text(std::string &into, std::function<void(const std::string &)> check = nullptr) {
        return [this, &into, check](const YAML::Node &node, const std::string &path) {
            if (!node.IsScalar() || node.Scalar().empty()) return mistake(node, path, "must be a text");
            try {
                if (check) check(node.Scalar());
                into = node.Scalar();
            } catch (const Failure &failure) {
                mistake(node, path, failure.what());
            }
        };
    }
    Field bytes(uint64_t &into) {
        return [this, &into](const YAML::Node &node, const std::string &path) {
            auto size = node.IsScalar() ? parse_size(node.Scalar()) : std::nullopt;
            if (!size) return mistake(node, path, "must be a size such as 512Mi or 4Gi");
            into = *size;
        };
    }
    Field count(uint32_t &into, uint32_t least, uint32_t most) {
        return [this, &into, least, most](const YAML::Node &node, const std::string &path) {
            try {
                auto value = node.as<int64_t>();
                if (value < least || value > most) throw YAML::Exception(node.Mark(), "range");
                into = static_cast<uint32_t>(value);
            } catch (const YAML::Exception &) {
                mistake(node, path, "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
            }
        };
    }
    template <typename T>
    Field choice(T &into, std::map<std::string, T> values) {
        return [this, &into, values = std::move(values)](const YAML::Node &node, const std::string &path) {
            auto value = node.IsScalar() ? values.find(node.Scalar()) : values.end();
            if (value != values.end()) {
                into = value->second;
                return;
            }
            std::string all;
            for (const auto &[word, meaning] : values) all += (all.empty() ? "" : ", ") + word;
            mistake(node, path, "must be one of: " + all);
        };
    }

    // Plugin configuration is the plugin's business; its schema is checked when it is opened.  Aliases can make a short text
    // endless, so values are counted and depth is limited.
    nlohmann::json as_json(const YAML::Node &node, const std::string &path, int depth = 0) {
        if (++values_ > most_values || depth > 32) {
            if (!too_much_) mistake(node, path, "is too large or too deep; give at most 10000 values, 32 deep");
            too_much_ = true;
            return nullptr;
        }
        if (node.IsMap()) {
            auto object = nlohmann::json::object();
            for (const auto &entry : node) {
                if (too_much_) break;
                std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
                if (object.contains(key)) mistake(entry.first, path + "." + key, "is given twice; remove one");
                object[key] = as_json(entry.second, path + "." + key, depth + 1);
            }
            return object;
        }
        if (node.IsSequence()) {
            auto array = nlohmann::json::array();
            for (const auto &item : node) {
                if (too_much_) break;
                array.push_back(as_json(item, path + "[]", depth + 1));
            }
            return array;
        }
        if (!node.IsScalar()) return nullptr;
        if (node.Tag() == "!") return node.Scalar();  // quoted
        try {
            return node.as<int64_t>();
        } catch (const YAML::Exception &) {
        }
        try {
            if (double value = node.as<double>(); std::isfinite(value)) return value;  // JSON has no infinity
        } catch (const YAML::Exception &) {
        }
        if (node.Scalar() == "true") return true;
        if (node.Scalar() == "false") return false;
        return node.Scalar();
    }

    void list(const YAML::Node &node, const std::string &path, std::vector<std::string> &into, std::function<void(const std::string &)> check) {
        into.clear();
        if (!node.IsSequence()) return mistake(node, path, "must be a list ([ONE, TWO])");
        for (const auto &item : node) {
            std::string one;
            text(one, check)(item, path);
            if (!one.empty()) into.push_back(one);
        }
    }
    void pairs(const YAML::Node &node, const std::string &path, std::map<std::string, std::string> &into,
               std::function<void(const std::string &)> check_key, std::function<void(const std::string &)> check_value) {
        into.clear();
        if (!node.IsMap()) return mistake(node, path, "must be a mapping (KEY: VALUE)");
        for (const auto &entry : node) {
            std::string key, value;
            text(key, check_key)(entry.first, path);
            text(value, check_value)(entry.second, path + "." + key);
            if (key.empty() || value.empty()) continue;
            if (!into.emplace(key, value).second) mistake(entry.first, path + "." + key, "is given twice; remove one");
        }
    }
    // "public", "none", or a list of rules.
    void inputs(const YAML::Node &node, const std::string &path, std::vector<std::string> &into) {
        into.clear();
        if (node.IsSequence()) return list(node, path, into, model::check_input_rule);
        std::string word;
        choice<std::string>(word, {{"public", "public"}, {"none", "none"}})(node, path);
        if (word == "public") into.push_back(word);
    }
    void quota(const YAML::Node &node, const std::string &path, model::Quota &into) {
        mapping(node, path,
                {{"instances", count(into.instances, 0, 10000)},
                 {"vcpus", count(into.vcpus, 0, 100000)},
                 {"memory", bytes(into.memory)},
                 {"disk", bytes(into.disk)},
                 {"builds", count(into.builds, 1, 64)},
                 {"evaluation_seconds", count(into.evaluation_seconds, 1, 3600)}});
    }
    void provider(const YAML::Node &node, const std::string &path, std::vector<ProviderChoice> &into) {
        ProviderChoice choice_made;
        choice_made.line = node.Mark().line + 1;
        mapping(node, path,
                {{"plugin", text(choice_made.plugin)},
                 {"isolation",
                  choice<Isolation>(choice_made.isolation, {{"process", Isolation::process}, {"inline", Isolation::inline_}})},
                 {"config", [&](const YAML::Node &config, const std::string &at) {
                      if (!config.IsMap()) return mistake(config, at, "must be a mapping (KEY: VALUE)");
                      choice_made.config = as_json(config, at);
                  }}});
        if (node.IsMap() && !node["plugin"]) mistake(node, path, "names no plugin; add plugin: NAME");
        into.push_back(std::move(choice_made));
    }

private:
    std::string name_;
    std::vector<std::string> mistakes_;
    size_t values_ = 0;
    bool too_much_ = false;
};

void check_listen(const std::string &value) {
    auto colon = value.rfind(':');
    std::string port = colon == std::string::npos ? "" : value.substr(colon + 1), address = value.substr(0, colon);
    bool digits = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
    unsigned char bytes[16];
    bool v6 = address.size() > 2 && address.front() == '[' && address.back() == ']' &&
              inet_pton(AF_INET6, address.substr(1, address.size() - 2).c_str(), bytes) == 1;
    if (!digits || std::stoi(port) > 65535 || (!v6 && inet_pton(AF_INET, address.c_str(), bytes) != 1))
        throw Failure(Code::invalid, "must be ADDRESS:PORT, such as [::]:22 or 127.0.0.1:2222");
}
void check_endpoint(const std::string &value) {
    check_listen(value);
    if (value.ends_with(":0")) throw Failure(Code::invalid, "must be ADDRESS:PORT with a port from 1");
}
void check_host(const std::string &value) {
    std::string host = value.substr(0, value.find(':'));
    if (value.find(':') != std::string::npos) check_endpoint("127.0.0.1" + value.substr(value.find(':')));
    if (host.empty() || host.size() > 253 || host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") != std::string::npos)
        throw Failure(Code::invalid, "must be a host name in lower case, such as cache.example.org or cache.example.org:443");
}
void check_host_port(const std::string &value) {
    if (value.find(':') == std::string::npos) throw Failure(Code::invalid, "must be HOST:PORT, such as releases.example.org:443");
    check_host(value);
}
void check_https(const std::string &value) {
    std::string host = value.substr(0, 8) == "https://" ? value.substr(8, value.find('/', 8) - 8) : "";
    if (host.empty() || value.find_first_of(" \"'\\?#@") != std::string::npos) throw Failure(Code::invalid, "must be https://HOST[/PATH]");
    check_host(host);
}
void check_public_key(const std::string &value) {
    size_t colon = value.find(':');
    auto key = base64_decode(colon == std::string::npos ? "" : value.substr(colon + 1));
    if (colon == 0 || value.find(' ') != std::string::npos || !key || key->size() != 32)
        throw Failure(Code::invalid, "must be the cache's public key, NAME:BASE64 (`nix key convert-secret-to-public` prints it)");
}
void check_domain(const std::string &value) {
    model::DomainName checked(value);
}
void check_prefix(const std::string &value) {
    if (!model::is_ipv6_prefix48(value))
        throw Failure(Code::invalid, "must be an IPv6 prefix of 48 bits, such as 2001:db8:5eed::/48");
}
void check_ipv4(const std::string &value) {
    unsigned char bytes[4];
    if (inet_pton(AF_INET, value.c_str(), bytes) != 1 || (bytes[0] | bytes[1] | bytes[2] | bytes[3]) == 0)
        throw Failure(Code::invalid, "must be one IPv4 address of this host, such as 203.0.113.5");
}
void check_absolute(const std::string &value) {
    if (!std::filesystem::path(value).is_absolute()) throw Failure(Code::invalid, "must be an absolute path");
}

// The cache that has what the public inputs need; a list of the operator's own, also an empty one, stands instead.
void give_public_substituters(BuilderSettings &builder) {
    if (!builder.own_substituters && builder.inputs == std::vector<std::string>{"public"}) builder.substituters = public_substituters;
}

}  // namespace

Settings parse(const std::string &text, const std::string &name) {
    Settings settings;
    settings.plugin_directories = default_plugin_directories();
    Reader read(name);
    YAML::Node document;
    try {
        std::vector<YAML::Node> documents = YAML::LoadAll(text);
        if (documents.size() > 1) read.mistake(documents[1], "", "a second document begins here; the file must be one");
        if (!documents.empty()) document = documents[0];
    } catch (const YAML::Exception &error) {
        read.mistake(error.mark.line + 1, "", "not YAML: " + error.msg);
        read.finish();
    }
    read.finish();
    if (!document.IsMap()) {
        read.mistake(1, "", "the file must be a mapping with the keys platform, listen, providers ...");
        read.finish();
    }
    auto &limits = settings.limits;
    read.mapping(
        document, "",
        {{"platform",
          [&](const YAML::Node &node, const std::string &path) {
              read.mapping(node, path,
                           {{"domain", read.text(settings.platform.domain, check_domain)},
                            {"silo", read.text(settings.platform.silo, check_domain)},
                            {"state", read.text(settings.platform.state, check_absolute)},
                            {"flake", read.text(settings.platform.flake, check_absolute)}});
          }},
         {"listen",
          [&](const YAML::Node &node, const std::string &path) {
              read.mapping(node, path,
                           {{"ssh", read.text(settings.listen.ssh, check_listen)},
                            {"http", read.text(settings.listen.http, check_listen)},
                            {"metrics", read.text(settings.listen.metrics, check_listen)}});
          }},
         {"ingress",
          [&](const YAML::Node &node, const std::string &path) {
              read.mapping(node, path,
                           {{"prefix", read.text(settings.ingress.prefix, check_prefix)},
                            {"ipv4", read.text(settings.ingress.ipv4, check_ipv4)},
                            {"ipv6_blocks", [&](const YAML::Node &list, const std::string &at) {
                                 if (!list.IsSequence()) return read.mistake(list, at, "must be a list, such as [2001:db8:1:2::/64]");
                                 for (const auto &item : list) {
                                     std::string one;
                                     read.text(one, [](const std::string &value) { model::canonical_block64(value); })(item, at);
                                     if (!one.empty()) settings.ingress.ipv6_blocks.push_back(model::canonical_block64(one));
                                 }
                             }}});
          }},
         {"builder",
          [&](const YAML::Node &node, const std::string &path) {
              auto &builder = settings.builder;
              read.mapping(node, path,
                           {{"inputs", [&](const YAML::Node &given, const std::string &at) { read.inputs(given, at, builder.inputs); }},
                            {"hosts", [&](const YAML::Node &given, const std::string &at) { read.list(given, at, builder.hosts, check_host_port); }},
                            {"substituters",
                             [&](const YAML::Node &given, const std::string &at) {
                                 builder.own_substituters = true;
                                 read.pairs(given, at, builder.substituters, check_https, check_public_key);
                             }},
                            {"fixed_outputs", read.choice<bool>(builder.fixed_outputs, {{"true", true}, {"false", false}})},
                            {"addresses", [&](const YAML::Node &given, const std::string &at) { read.pairs(given, at, builder.addresses, check_host, check_endpoint); }},
                            {"ca_file", read.text(builder.ca_file, check_absolute)}});
          }},
         {"admission", read.choice<Admission>(settings.admission, {{"invite", Admission::invite}, {"open", Admission::open}})},
         {"plugin_directories",
          [&](const YAML::Node &node, const std::string &path) {
              settings.plugin_directories.clear();
              if (!node.IsSequence()) return read.mistake(node, path, "must be a list of absolute paths");
              for (const auto &item : node) {
                  std::string one;
                  read.text(one, check_absolute)(item, path);
                  settings.plugin_directories.push_back(one);
              }
          }},
         {"providers",
          [&](const YAML::Node &node, const std::string &path) {
              std::map<std::string, Reader::Field> fields;
              for (const auto &kind : kinds)
                  fields[kind] = [&, kind](const YAML::Node &given, const std::string &at) {
                      if (!given.IsSequence()) return read.provider(given, at, settings.providers[kind]);
                      if (kind != "git" && kind != "storage" && given.size() != 1)
                          return read.mistake(given, at, "only git and storage may have several providers; give one");
                      if (given.size() == 0) return read.mistake(given, at, "is empty; give one or more { plugin: NAME }");
                      for (size_t i = 0; i < given.size(); ++i)
                          read.provider(given[i], at + "[" + std::to_string(i) + "]", settings.providers[kind]);
                  };
              read.mapping(node, path, fields);
          }},
         {"quotas",
          [&](const YAML::Node &node, const std::string &path) {
              // The usual one first, wherever it stands: the others begin with it.
              if (node.IsMap() && node["default"]) read.quota(node["default"], path + ".default", settings.quotas.usual);
              read.mapping(node, path,
                           {{"default", [](const YAML::Node &, const std::string &) {}},
                            {"repositories", [&](const YAML::Node &given, const std::string &at) {
                                 if (!given.IsMap()) return read.mistake(given, at, "must be a mapping (REPOSITORY: {...})");
                                 for (const auto &entry : given) {
                                     std::string name;
                                     read.text(name, [](const std::string &value) { model::RepoName checked(value); })(entry.first, at);
                                     if (name.empty()) continue;
                                     model::Quota quota = settings.quotas.usual;
                                     read.quota(entry.second, at + "." + name, quota);
                                     if (!settings.quotas.repositories.emplace(name, quota).second)
                                         read.mistake(entry.first, at + "." + name, "is given twice; remove one");
                                 }
                             }}});
          }},
         {"limits", [&](const YAML::Node &node, const std::string &path) {
              read.mapping(node, path,
                           {{"evaluation_memory", read.bytes(limits.evaluation_memory)},
                            {"build_memory", read.bytes(limits.build_memory)},
                            {"store_bytes", read.bytes(limits.store_bytes)},
                            {"source_bytes", read.bytes(limits.source_bytes)},
                            {"fetch_bytes", read.bytes(limits.fetch_bytes)},
                            {"fetch_seconds", read.count(limits.fetch_seconds, 1, 3600)},
                            {"pack_bytes", read.bytes(limits.pack_bytes)},
                            {"repository_bytes", read.bytes(limits.repository_bytes)},
                            {"evaluation_seconds", read.count(limits.evaluation_seconds, 1, 3600)},
                            {"build_seconds", read.count(limits.build_seconds, 1, 86400)},
                            {"instances_per_flake", read.count(limits.instances_per_flake, 1, 1000)},
                            {"repositories_per_key", read.count(limits.repositories_per_key, 1, 100000)},
                            {"pushes_per_minute", read.count(limits.pushes_per_minute, 1, 100000)},
                            {"connections_per_key", read.count(limits.connections_per_key, 1, 900)},
                            {"connections_per_address", read.count(limits.connections_per_address, 1, 900)},
                            {"connections", read.count(limits.connections, 1, 900)},
                            {"parallel_builds", read.count(limits.parallel_builds, 1, 64)},
                            {"keep_generations", read.count(limits.keep_generations, 1, 1000)},
                            {"keep_deployments", read.count(limits.keep_deployments, 1, 100000)},
                            {"reserve_bytes", read.bytes(limits.reserve_bytes)},
                            {"ready_seconds", read.count(limits.ready_seconds, 1, 3600)}});
          }}});
    if (!document["platform"] || !document["platform"].IsMap() || !document["platform"]["domain"])
        read.mistake(1, "platform.domain", "is missing; add the domain below which instances are named");
    for (const auto &kind : {"runtime", "dns", "git", "storage"})
        if (!document["providers"] || !document["providers"].IsMap() || !document["providers"][kind])
            read.mistake(1, std::string("providers.") + kind, "is missing; add { plugin: NAME }");
    read.finish();
    if (settings.platform.silo.empty()) settings.platform.silo = "silo." + settings.platform.domain;
    give_public_substituters(settings.builder);
    return settings;
}

Settings load(const std::string &path) {
    return parse(read_file(path, most_bytes), path);
}

Settings embedded(const std::string &directory, uint16_t ssh_port, uint16_t http_port) {
    Settings settings;
    settings.platform = {"seed.localhost", "silo.seed.localhost",
                         std::filesystem::absolute(directory).lexically_normal().string()};
    settings.listen = {"127.0.0.1:" + std::to_string(ssh_port), "127.0.0.1:" + std::to_string(http_port)};
    settings.admission = Admission::open;
    give_public_substituters(settings.builder);
    settings.plugin_directories = default_plugin_directories();
    auto choose = [&](const char *kind, const char *plugin, nlohmann::json config = nlohmann::json::object()) {
        settings.providers[kind] = {{plugin, Isolation::process, std::move(config), 0}};
    };
    choose("runtime", "runtime-qemu", {{"loopback_ports", "20000-29999"}});
    choose("dns", "dns-powerdns", {{"managed", true}});
    choose("git", "git-silo");
    choose("storage", "storage-localpath");
    return settings;
}

}  // namespace seed::config
