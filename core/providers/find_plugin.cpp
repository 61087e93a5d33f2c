#include <filesystem>

#include <seed/util/failure.h>

#include "core/providers/loader.h"
#include "core/providers/provider.h"

namespace seed::providers {

std::string find_plugin(const std::vector<std::string> &directories, const std::string &plugin) {
    namespace fs = std::filesystem;
    bool valid = !plugin.empty() && plugin.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
    if (!valid) throw Failure(Code::invalid, "'" + plugin + "' is no plugin name: use lower-case letters, digits and '-'");
    std::string searched;
    for (const auto &directory : directories) {
        if (!fs::path(directory).is_absolute()) {
            throw Failure(Code::invalid, "plugin directory " + directory + " must be an absolute path");
        }
        for (const fs::path &path : {fs::path(directory) / (plugin + ".so"), fs::path(directory) / plugin / (plugin + ".so")}) {
            std::error_code error;
            if (!fs::exists(path, error)) continue;
            check_plugin_file(path.string());
            return path.string();
        }
        searched += (searched.empty() ? "" : ", ") + directory;
    }
    throw Failure(Code::not_found, "plugin " + plugin + ": there is no " + plugin + ".so in " +
                                       (searched.empty() ? "any directory (none is configured)" : searched) +
                                       ": install it or correct its name");
}

}  // namespace seed::providers
