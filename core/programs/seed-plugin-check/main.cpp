// seed-plugin-check PLUGIN.so: does this plugin obey the rules?  docs/plugins/check.md lists them.
//
// Checks run in processes of their own, forked from this one, which never loads the plugin itself.
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <random>

#include <seed/util/file.h>
#include <seed/util/process.h>
#include <seed/codec.hpp>

#include "core/conformance/replay.h"
#include "core/conformance/runner.h"
#include "core/providers/manifest.h"

namespace {

using namespace seed;
namespace fs = std::filesystem;

enum Exit { passed = 0, some_failed = 1, wrong_use = 2 };

// What `body` prints, from a process of its own that may load the plugin.
std::string in_a_child(const std::function<std::string()> &body) {
    Pipe pipe = make_pipe();
    pid_t pid = fork();
    if (pid < 0) fail_errno("fork");
    if (pid == 0) {
        int status = 0;
        try {
            write_all(pipe.write.get(), body());
        } catch (const std::exception &error) {
            std::fprintf(stderr, "seed-plugin-check: %s\n", error.what());
            status = 1;
        }
        _exit(status);
    }
    pipe.write.reset();
    std::string text = read_all(pipe.read.get(), 8u << 20);
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) throw Failure(Code::internal, "the plugin crashes while it is loaded: constructors may do nothing");
    if (status != 0) throw Failure(Code::invalid, "the plugin cannot be described, see above");
    return text;
}

json json_file(const std::string &path) {
    return parse_json(read_file(path), path);
}

// Fills in which provider is meant; the configuration file may be {"config": .., "backend": .., "given": .., "reset": ..} or a configuration.
void choose(conformance::Subject &subject, const std::string &config_file) {
    json manifest = parse_json(in_a_child([&] { return providers::make_manifest(subject.path).dump(); }), "manifest");
    std::string ids;
    for (const json &provider : manifest["providers"]) {
        std::string id = provider["id"], contract = provider["contract"];
        ids += (ids.empty() ? "" : ", ") + id;
        if (!subject.id.empty() && id != subject.id) continue;
        auto slash = contract.find('/');
        if (contract.rfind("seed.", 0) != 0 || slash == std::string::npos)
            throw Failure(Code::invalid, id + " has the contract '" + contract + "': it must be like seed.dns/0");
        subject.id = id;
        subject.kind = contract.substr(5, slash - 5);
        break;
    }
    if (subject.kind.empty()) throw Failure(Code::not_found, subject.path + " offers " + (ids.empty() ? "nothing" : ids) + ", not " + subject.id);
    if (config_file.empty()) return;
    json file = json_file(config_file);
    if (file.contains("config")) {
        subject.config = file["config"];
        subject.backend = file.value("backend", json());
        subject.given = file.value("given", json::object());
        subject.reset = file.value("reset", std::vector<std::string>{});
    } else {
        subject.config = file;
    }
}

int write_manifest(const std::string &plugin) {
    std::string text = in_a_child([&] { return providers::make_manifest(plugin).dump(2) + "\n"; });
    write_file_atomically(providers::manifest_path(plugin), text);
    return passed;
}

int list() {
    for (const auto &check : conformance::all_checks()) std::printf("%-26s %s\n", check.id.c_str(), check.rule.c_str());
    return passed;
}

}  // namespace

int main(int argc, char **argv) try {
    conformance::Subject subject;
    conformance::RunOptions options;
    std::string config_file, only, recording;
    std::vector<conformance::Check> replayed;
    bool as_json = false, make_manifest = false, show = false;
    subject.seed = std::random_device{}();

    CLI::App app("Checks a Seed plugin against the rules of the boundary.  Exit status: 0 passed, 1 some checks failed, 2 wrong use.");
    app.set_version_flag("--version", SEED_VERSION);
    app.add_option("plugin", subject.path, "the plugin's shared object");
    app.add_option("--provider", subject.id, "which of its providers (default: the first)");
    app.add_option("--config", config_file, "JSON: a configuration it works with, or {\"config\", \"backend\", \"given\", \"reset\"}");
    app.add_option("--replay", recording, "instead of the checks: play a recording (seed plugin trace --bodies --json) and compare the answers");
    app.add_option("--only", only, "checks whose id matches this regular expression");
    app.add_option("--seed", subject.seed, "of everything random; printed with each run");
    app.add_option("--requests", subject.requests, "random requests per slot")->check(CLI::Range(1, 1'000'000));
    app.add_option("--jobs", options.parallel, "checks at a time")->check(CLI::Range(1, 64));
    app.add_flag("--inline", options.in_this_process, "run checks in this process, for a debugger");
    app.add_flag("--json", as_json, "one JSON object per line instead of TAP");
    app.add_flag("--manifest", make_manifest, "write PLUGIN.json beside the plugin and do nothing else");
    app.add_flag("--list", show, "list the checks and their rules");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return app.exit(error) == 0 ? passed : wrong_use;
    }
    if (show) return list();
    if (subject.path.empty()) throw Failure(Code::invalid, "which plugin? Give the path of its .so");
    if (!fs::exists(subject.path)) throw Failure(Code::not_found, subject.path + " does not exist");
    subject.path = fs::canonical(subject.path).string();
    if (make_manifest) return write_manifest(subject.path);

    options.report = as_json ? conformance::Report::json : conformance::Report::tap;
    try {
        options.only = std::regex(only);
    } catch (const std::regex_error &) {
        throw Failure(Code::invalid, "--only '" + only + "' is no regular expression");
    }
    try {
        choose(subject, config_file);
    } catch (const Failure &failure) {   // it cannot even be loaded: say which rule it breaks
        std::fprintf(stderr, "seed-plugin-check: %s\n", failure.what());
        options.only = std::regex("^static\\.(file|symbols|loads)$");
    }
    if (!recording.empty()) {
        json how = json::object();
        if (!config_file.empty())
            if (json file = json_file(config_file); file.contains("config")) how = file.value("replay", how);
        replayed = {conformance::replay_check(recording, how)};
        options.checks = &replayed;
    }
    subject.work = fs::temp_directory_path().string();
    fs::path host = program_directory() / "seed-plugin-host";
    if (access(host.c_str(), X_OK) == 0) subject.host = host.string();
    return conformance::run_checks(subject, options) == 0 ? passed : some_failed;
} catch (const std::exception &error) {
    std::fprintf(stderr, "seed-plugin-check: %s\n", error.what());
    return wrong_use;
}
