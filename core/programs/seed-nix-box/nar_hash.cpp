#include "core/programs/seed-nix-box/nar_hash.h"

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/programs/seed-nix-box/command.h"

namespace seed::box {

std::string nar_hash(const std::string &path) {
    Command command;
    command.arguments = {"nix", "hash", "path", path};
    std::string hash(trim(capture(command, "hashing " + path, 4096)));
    constexpr const char *base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    if (!hash.starts_with("sha256-") || hash.find_first_not_of(base64, 7) != hash.npos)
        throw Failure(Code::internal, "'" + printable(hash, 80) + "' is not the hash of " + path + ": is this Nix known to work with Seed?");
    return hash;
}

}  // namespace seed::box
