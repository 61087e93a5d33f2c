#include "core/model/volume_rules.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::model {
namespace {

using json = nlohmann::json;

constexpr uint64_t mebibyte = 1u << 20;
constexpr uint64_t smallest = 8 * mebibyte;  // below, ext4 has no room for a journal

// The platform's own: a volume may neither lie inside one of these nor hide it.
constexpr std::array<std::string_view, 9> platform_paths = {
    "/nix", "/proc", "/sys", "/dev", "/run/seed", "/run/booted-system", "/run/current-system", "/seed/tpm", "/seed/tls"};

bool is_within(std::string_view path, std::string_view folder) {
    return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

uint64_t parse_volume_size(const std::string &where, const json &value) {
    std::optional<uint64_t> bytes;
    if (value.is_string()) bytes = parse_size(value.get_ref<const std::string &>());
    if (!bytes)
        throw Failure(Code::invalid, where + ": size " +
                                         printable(value.dump(-1, ' ', true, json::error_handler_t::replace), 40) +
                                         " is not a size: write it like \"500Mi\", \"10Gi\" or \"1Ti\"");
    if (*bytes < smallest)
        throw Failure(Code::invalid,
                      where + ": " + format_size(*bytes) + " is too small for a file system: use at least \"8Mi\"");
    return (*bytes + mebibyte - 1) / mebibyte * mebibyte;  // whole MiB, so that every provider can hold exactly this size
}

std::string parse_mount_point(const std::string &where, const std::string &text) {
    std::string option = where + ".mountPoint \"" + printable(text, 80) + "\"";
    if (!text.starts_with('/')) throw Failure(Code::invalid, option + " is not absolute: begin it with '/'");
    if (text.size() > 200) throw Failure(Code::invalid, option + " is too long: use at most 200 characters");
    std::string path;
    for (const auto &part : split(text, '/')) {
        if (part.empty()) continue;
        if (part == "." || part == "..")
            throw Failure(Code::invalid, option + " holds \"" + part + "\": write the path without it");
        for (char c : part)
            if (!isalnum(static_cast<unsigned char>(c)) && std::string_view("._@:+-").find(c) == std::string_view::npos)
                throw Failure(Code::invalid,
                              option + " holds a character that is not allowed: use letters, digits and . _ @ : + -");
        path += "/" + part;
    }
    if (path.empty()) throw Failure(Code::invalid, option + " is the root: use a folder below it, like /var/lib/data");
    for (std::string_view taken : platform_paths)
        if (is_within(path, taken) || is_within(taken, path))
            throw Failure(Code::invalid, option + " collides with " + std::string(taken) +
                                             ", which is the platform's: use another folder, like /var/lib/data");
    if (path == "/seed" || path == "/seed/storage")
        throw Failure(Code::invalid, option + " is where the platform mounts volumes: use a folder below it, or another one");
    return path;
}

std::string parse_owner(const std::string &where, const char *option, const std::string &name) {
    auto is_first = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    auto is_next = [&](char c) { return is_first(c) || (c >= '0' && c <= '9') || c == '-'; };
    if (name.empty() || name.size() > 32 || !is_first(name[0]) || !std::all_of(name.begin(), name.end(), is_next))
        throw Failure(Code::invalid, where + "." + option + " \"" + printable(name, 40) +
                                         "\" is not a name: use a-z, 0-9, '_' and '-', at most 32, not beginning with a digit");
    return name;
}

std::string parse_mode(const std::string &where, const std::string &mode) {
    bool good = (mode.size() == 3 || mode.size() == 4) &&
                std::all_of(mode.begin(), mode.end(), [](char c) { return c >= '0' && c <= '7'; });
    if (!good)
        throw Failure(Code::invalid, where + ".mode \"" + printable(mode, 40) +
                                         "\" is not a mode: use three or four octal digits, like \"0750\"");
    return mode.size() == 3 ? "0" + mode : mode;
}

}  // namespace

VolumeSpec parse_volume(const std::string &where, const std::string &name, const json &value) {
    VolumeSpec volume;
    volume.name = name;
    volume.mount_point = "/seed/storage/" + name;
    if (value.is_string()) {
        volume.size_bytes = parse_volume_size(where, value);
        return volume;
    }
    if (!value.is_object())
        throw Failure(Code::invalid,
                      where + " must be a size or { size; mountPoint; user; group; mode; }, like \"1Gi\" or { size = \"1Gi\"; }");
    auto text = [&](const char *member) -> std::optional<std::string> {
        auto found = value.find(member);
        if (found == value.end() || found->is_null()) return std::nullopt;
        if (!found->is_string()) throw Failure(Code::invalid, where + "." + member + " must be text in quotes");
        return found->get<std::string>();
    };
    auto size = value.find("size");
    if (size == value.end() || size->is_null()) throw Failure(Code::invalid, where + " has no size: add size = \"1Gi\";");
    volume.size_bytes = parse_volume_size(where, *size);
    if (auto path = text("mountPoint")) volume.mount_point = parse_mount_point(where, *path);
    if (auto user = text("user")) volume.user = parse_owner(where, "user", *user);
    if (auto group = text("group")) volume.group = parse_owner(where, "group", *group);
    if (auto mode = text("mode")) volume.mode = parse_mode(where, *mode);
    return volume;
}

void refuse_mount_points_used_twice(const std::string &instance, const std::vector<VolumeSpec> &volumes) {
    std::map<std::string, std::string> taken;
    for (const auto &volume : volumes) {
        auto [at, fresh] = taken.emplace(volume.mount_point, volume.name);
        if (!fresh)
            throw Failure(Code::invalid, "instance " + instance + ": seed.storage." + at->second + " and seed.storage." +
                                             volume.name + " both mount on " + volume.mount_point +
                                             ": give one another mountPoint");
    }
}

}  // namespace seed::model
