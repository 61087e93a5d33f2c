#include "find_platform.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <seed/util/failure.h>
#include <seed/util/frame.h>

namespace seed::program {
namespace {

constexpr const char *usual_state = "/var/lib/seed";

std::string variable(const char *name) {
    const char *value = std::getenv(name);
    return value ? value : "";
}

// "--socket PATH" or "--socket=PATH" at the beginning; false when it is something else.
bool take(std::vector<std::string> &words, const std::string &option, std::string &value) {
    if (words[0].starts_with(option + "=")) {
        value = words[0].substr(option.size() + 1);
        words.erase(words.begin());
    } else if (words[0] == option) {
        if (words.size() < 2) throw Failure(Code::invalid, option + " needs a path");
        value = words[1];
        words.erase(words.begin(), words.begin() + 2);
    } else {
        return false;
    }
    if (value.empty()) throw Failure(Code::invalid, option + " needs a path");
    return true;
}

}  // namespace

Place find_platform(std::vector<std::string> &words) {
    std::string socket, state;
    while (!words.empty() && (take(words, "--socket", socket) || take(words, "--state", state))) continue;
    if (socket.empty() && state.empty()) socket = variable("SEED_SOCKET");
    if (!socket.empty()) return {socket, true};
    if (state.empty()) state = variable("SEED_STATE");
    return {(std::filesystem::path(state.empty() ? usual_state : state) / "seedd.sock").string(), !state.empty()};
}

UniqueFd connect_to(const Place &place) {
    try {
        return connect_unix(place.socket);
    } catch (const Failure &failure) {
        bool refused = access(place.socket.c_str(), W_OK) != 0 && errno == EACCES;
        std::string advice = place.chosen ? "is seedd running?" : "is seedd running? Name another place with --state DIR or SEED_STATE";
        if (refused) advice = "only root and the user that seedd runs as may use it";
        throw Failure(refused ? Code::denied : Code::unavailable,
                      "seedd is not reachable: " + std::string(failure.what()) + "; " + advice);
    }
}

}  // namespace seed::program
