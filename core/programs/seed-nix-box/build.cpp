// nix build of several derivations at once, then one garbage collection root per instance: GENERATION-NAME.
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/fd.h>
#include <seed/util/file.h>

#include "core/programs/seed-nix-box/actions.h"
#include "core/programs/seed-nix-box/command.h"
#include "core/programs/seed-nix-box/door.h"
#include "core/programs/seed-nix-box/log_filter.h"

namespace seed::box {
namespace {

namespace fs = std::filesystem;

const fs::path roots = "/nix/var/nix/gcroots/seed";

// The tail of the command line: GENERATION NAME=DRV...; options of Nix (limits) come between "build" and "--", see the builder.
struct Request {
    std::vector<std::string> nix_options;
    std::string generation;
    std::map<std::string, std::string> derivations;
};

Request parse(const std::vector<std::string> &action) {
    Request request;
    size_t i = 1;
    for (; i < action.size() && action[i] != "--"; ++i) request.nix_options.push_back(action[i]);
    if (i + 2 >= action.size()) throw Failure(Code::invalid, "build needs -- GENERATION NAME=DRV\n" + usage());
    request.generation = checked_component(action[i + 1], "generation");
    for (i += 2; i < action.size(); ++i) {
        size_t equals = action[i].find('=');
        if (equals == std::string::npos) throw Failure(Code::invalid, "'" + action[i] + "' is not NAME=DRV");
        request.derivations[checked_component(action[i].substr(0, equals), "instance")] = action[i].substr(equals + 1);
    }
    return request;
}

void make_root(const std::string &name, const std::string &target) {
    fs::path link = roots / name, fresh = roots / ("." + name + ".new");
    unlink(fresh.c_str());
    if (symlink(target.c_str(), fresh.c_str())) fail_errno("make the garbage collection root " + name);
    fs::rename(fresh, link);
}

}  // namespace

int build_derivations(const Options &options) {
    Request request = parse(options.action);
    std::set<std::string> unique;
    for (const auto &[name, derivation] : request.derivations) unique.insert(derivation);

    Pipe result = make_pipe(), log = make_pipe();
    Command nix;
    nix.arguments = {"nix", "build", "--no-link", "--json", "-L"};
    nix.arguments.insert(nix.arguments.end(), request.nix_options.begin(), request.nix_options.end());
    nix.arguments.insert(nix.arguments.end(), unique.begin(), unique.end());
    if (options.door >= 0) nix.environment = door_environment();
    nix.out = result.write.get();  // small: it fits the pipe while we read the log
    nix.err = log.write.get();
    pid_t pid = start(nix);
    result.write.reset();
    log.write.reset();
    LogFilter(2).pump(log.read.get());
    std::string text = read_all(result.read.get());
    if (int code = wait_for(pid)) return code;

    std::map<std::string, std::string> output;
    for (const auto &built : nlohmann::json::parse(text))
        if (built.contains("outputs") && built["outputs"].contains("out")) output[built["drvPath"]] = built["outputs"]["out"];
    fs::create_directories(roots);
    for (const auto &[name, derivation] : request.derivations) {
        auto found = output.find(derivation);
        if (found == output.end()) throw Failure(Code::invalid, name + ": " + derivation + " has no output named 'out'");
        make_root(request.generation + "-" + name, found->second);
    }
    return 0;
}

}  // namespace seed::box
