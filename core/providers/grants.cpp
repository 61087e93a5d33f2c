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
    return needs.contains(name) && needs[name].is_number_unsigned() ? needs[name].get<uint64_t>() : 0;
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
