#include "core/providers/grants.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

namespace seed::providers {

namespace fs = std::filesystem;

namespace {

// "HOST:8053", "[::1]:8053", "https://host.example/", "HOST".
uint16_t port_of(const std::string &text, uint16_t usual) {
    std::string rest = text;
    if (auto scheme = text.find("://"); scheme != text.npos) {
        if (text.rfind("https:", 0) == 0) usual = 443;
        if (text.rfind("http:", 0) == 0) usual = 80;
        rest = text.substr(scheme + 3);
        rest = rest.substr(0, rest.find_first_of("/?#"));
    }
    auto colon = rest.rfind(':');
    auto bracket = rest.rfind(']');
    bool bare_address = bracket == rest.npos && rest.find(':') != colon;   // "::1"
    if (colon == rest.npos || bare_address || (bracket != rest.npos && colon < bracket)) return usual;
    std::string digits = rest.substr(colon + 1);
    bool number = !digits.empty() && digits.size() <= 5 && digits.find_first_not_of("0123456789") == digits.npos && std::stoul(digits) <= 65535;
    return number ? static_cast<uint16_t>(std::stoul(digits)) : usual;
}

void add_port(Grants &grants, const json &value, uint16_t usual) {
    if (!grants.tcp_ports) grants.tcp_ports.emplace();
    if (value.is_string()) grants.tcp_ports->push_back(port_of(value.get<std::string>(), usual));
    if (value.is_number_integer() && value.get<int64_t>() >= 0 && value.get<int64_t>() <= 65535) grants.tcp_ports->push_back(value.get<uint16_t>());
}

void collect(const std::string &plugin, const json &schema, const json &value, const std::string &where, Grants &grants) {
    if (!schema.is_object()) return;
    std::string ask = schema.contains("x-seed-path") && schema["x-seed-path"].is_string() ? schema["x-seed-path"].get<std::string>() : "";
    if (!ask.empty() && value.is_string() && !value.get_ref<const std::string &>().empty()) {
        const auto &path = value.get_ref<const std::string &>();
        bool plain = path[0] == '/';
        for (const auto &part : fs::path(path)) plain = plain && part != "..";
        if (!plain) {
            throw Failure(Code::invalid, plugin + ": configuration '" + where + "': '" + printable(path, 200) +
                                             "' must be an absolute path without '..'");
        }
        (ask == "write" ? grants.write_paths : grants.read_paths).push_back(path);
    }
    if (schema.contains("x-seed-port") && schema["x-seed-port"].is_number_unsigned()) add_port(grants, value, schema["x-seed-port"].get<uint16_t>());
    if (value.is_object() && schema.contains("properties") && schema["properties"].is_object()) {
        for (const auto &[name, member] : schema["properties"].items()) {
            if (value.contains(name)) collect(plugin, member, value[name], where.empty() ? name : where + "." + name, grants);
        }
    }
    if (value.is_array() && schema.contains("items")) {
        for (size_t i = 0; i < value.size(); ++i) collect(plugin, schema["items"], value[i], where + "[" + std::to_string(i) + "]", grants);
    }
}

uint64_t number(const json &needs, const char *name) {
    return needs.contains(name) && needs[name].is_number_integer() && needs[name].get<int64_t>() > 0 ? needs[name].get<uint64_t>() : 0;
}

}  // namespace

Grants grants_of(const std::string &plugin, const json &config_schema, const json &config) {
    Grants grants;
    collect(plugin, config_schema, config, "", grants);
    if (config_schema.is_object() && config_schema.contains("x-seed-needs") && config_schema["x-seed-needs"].is_object()) {
        const json &needs = config_schema["x-seed-needs"];
        grants.network = !(needs.contains("network") && needs["network"] == "none");
        grants.memory_bytes = number(needs, "memory_mib") << 20;
        grants.processes = number(needs, "processes");
        grants.lasting_programs = needs.contains("lasting_programs") && needs["lasting_programs"] == true;
        if (needs.contains("tcp_ports") && needs["tcp_ports"].is_array())
            for (const json &port : needs["tcp_ports"]) add_port(grants, port, 0);
    }
    return grants;
}

void prepare_paths(const std::string &plugin, const Grants &grants, const std::string &state_directory, uid_t uid) {
    std::string platform = fs::path(state_directory).parent_path().string() + "/";
    for (const std::string &path : grants.write_paths) {
        // "/srv/seed" beside "/srv/seed/dns": a provider that may write there could write the core's state.
        std::string folder = path + (path.ends_with('/') ? "" : "/");
        bool own = (state_directory + "/").rfind(folder, 0) != 0 && folder.rfind(state_directory + "/", 0) == 0;
        if (!own && platform.rfind(folder, 0) == 0) {
            throw Failure(Code::denied, plugin + ": it may not write to " + path + ", which holds the platform's own state: give it a folder of its own");
        }
        struct stat status {};
        if (lstat(path.c_str(), &status) != 0) {
            make_directory(path, 0700);
            if (uid != 0) change_owner(path, uid, uid);
            continue;
        }
        if (S_ISLNK(status.st_mode)) throw Failure(Code::denied, plugin + ": " + path + " is a symbolic link: name the folder itself");
        if (uid == 0 || geteuid() != 0 || status.st_uid == uid) continue;
        bool empty = S_ISDIR(status.st_mode) && fs::is_empty(path);
        if (status.st_uid != 0 || !empty) {
            throw Failure(Code::denied, plugin + ": " + path + " belongs to user " + std::to_string(status.st_uid) + ", the provider runs as " +
                                            std::to_string(uid) + ": chown -R " + std::to_string(uid) + " " + path);
        }
        change_owner(path, uid, uid);   // an empty folder that root made for it
    }
    for (const std::string &path : grants.read_paths) {
        if (access(path.c_str(), F_OK) != 0)
            throw Failure(Code::not_found, plugin + ": " + path + ", named in its configuration, does not exist");
    }
}

}  // namespace seed::providers
