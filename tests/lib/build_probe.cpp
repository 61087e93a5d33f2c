// seed-build-probe: the real builder from the command line, for tests.  Takes one flake through the steps and prints one line of
// JSON per step: {"step","ok","ms","code","text", ...}; stops at the first failure.  Status 0 in both cases.
//
//   seed-build-probe STATE NAMESPACE FOLDER STEP... [--set NAME=VALUE]...
//   steps: unpack unpack-cut (the archive ends between two files) unpack-late (it begins when nobody wants it any more) evaluate build
//          image keep (collect all but this tree) forget (collect all) forget-but-source remarks owed (a collection)
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <vector>

#include <nlohmann/json.hpp>

#include <seed/util/cgroup.h>
#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/process.h>
#include <seed/util/text.h>

#include "core/base/timer.h"
#include "core/build/nix_builder.h"

using namespace seed;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

struct Run {
    build::NixBuilder &builder;
    std::string ns, folder, tree;
    Call call;
    build::Source source;
    json evaluated;

    Process start_tar(int fd) {
        SpawnOptions options;
        options.arguments = {"tar", "-c", "-C", folder, "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "."};
        options.descriptors = {{fd, 1}};
        return Process::spawn(options);
    }
    Task<void> tar_to(int fd) {
        SpawnOptions options;
        Process tar = start_tar(fd);
        ExitStatus status = co_await wait_for_exit(tar, call);
        if (!status.ok()) throw Failure(Code::internal, "tar: " + status.to_string());
    }

    // Without its end, which is made of zeros.
    Task<void> cut_tar_to(int fd) {
        fs::path whole = fs::temp_directory_path() / ("seed-build-probe-" + std::to_string(getpid()));
        UniqueFd file = open_file(whole, O_RDWR | O_CREAT | O_EXCL, 0600);
        fs::remove(whole);
        co_await tar_to(file.get());
        lseek(file.get(), 0, SEEK_SET);
        std::string text = read_all(file.get(), 1u << 30);
        size_t end = text.find_last_not_of('\0');
        text.resize((end + 512) / 512 * 512);
        write_all(fd, text);
    }
    Task<void> late_tar_to(int fd) {
        pollfd reader{fd, 0, 0};
        while (poll(&reader, 1, 0) == 0) co_await sleep_for(std::chrono::milliseconds(5));
        throw Failure(Code::cancelled, "nobody reads the archive any more");
    }

    Task<json> step(const std::string &name) {
        json result = json::object();
        if (name == "unpack") {
            std::function<Task<void>(int)> produce = [this](int fd) { return tar_to(fd); };
            source = co_await builder.unpack(call, ns, tree, produce);
        } else if (name == "unpack-cut") {
            std::function<Task<void>(int)> produce = [this](int fd) { return cut_tar_to(fd); };
            source = co_await builder.unpack(call, ns, tree, produce);
        } else if (name == "unpack-late") {
            std::function<Task<void>(int)> produce = [this](int fd) { return late_tar_to(fd); };
            source = co_await builder.unpack(call, ns, tree, produce);
        } else if (name == "evaluate") {
            evaluated = co_await builder.evaluate(call, source);
            result = evaluated;
        } else if (name == "build") {
            std::map<std::string, std::string> derivations;
            for (auto &[instance, value] : evaluated["seeds"].items()) derivations[instance] = value["drvPath"];
            co_await builder.build(call, source, derivations, "gen" + tree);
        } else if (name == "image") {
            for (auto &[instance, value] : evaluated["seeds"].items()) {
                auto image = co_await builder.image(call, ns, value["outPath"].get<std::string>());
                result["images"][instance]["key"] = image.key;
                result["images"][instance]["path"] = image.path;
            }
        } else if (name == "keep") {
            std::vector<std::string> generations(1, "gen" + tree), trees(1, tree);  // g++ 12 cannot take lists in a co_await
            co_await builder.collect(call, ns, generations, trees);
        } else if (name == "forget") {
            std::vector<std::string> none;
            co_await builder.collect(call, ns, none, none);
        } else if (name == "forget-but-source") {
            std::vector<std::string> none, trees(1, tree);
            co_await builder.collect(call, ns, none, trees);
        } else if (name == "remarks") {
            result["remarks"] = builder.remarks();
        } else if (name == "owed") {
            result["owed"] = builder.needs_collecting(ns);
        } else {
            throw Failure(Code::invalid, "unknown step " + name);
        }
        co_return result;
    }

    Task<void> run(std::vector<std::string> steps) {
        for (const auto &name : steps) {
            auto begin = std::chrono::steady_clock::now();
            json line;
            line["step"] = name;
            line["ok"] = true;
            try {
                json result = co_await step(name);
                line.update(result);
            } catch (const Failure &failure) {
                line["ok"] = false;
                line["code"] = to_string(failure.code());
                line["text"] = failure.what();
            }
            line["ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin).count();
            std::cout << line.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
            if (!line["ok"]) break;
        }
    }
};

// What the git provider does for an input from this platform.
Task<void> archive(Call call, std::string repository, std::string revision, int fd) {
    SpawnOptions options;
    options.arguments = {"git", "-C", repository, "archive", "--format=tar", revision};
    options.descriptors = {{fd, 1}};
    Process git = Process::spawn(options);
    ExitStatus status = co_await wait_for_exit(git, call);
    if (!status.ok()) throw Failure(Code::not_found, "there is no such repository or revision");
}

}  // namespace

int main(int argc, char **argv) {
    std::vector<std::string> words(argv + 1, argv + argc), steps;
    if (words.size() < 4) {
        std::cerr << "usage: seed-build-probe STATE NAMESPACE FOLDER STEP... [--set NAME=VALUE]...\n";
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    build::BuilderSettings settings;
    settings.state_directory = words[0] + "/build";
    settings.image_directory = words[0] + "/images";
    settings.platform = "probe-" + sha256_hex(words[0] + words[1]).substr(0, 12);
    settings.store_bytes = 512u << 20;
    std::string tree;
    for (size_t i = 3; i < words.size(); ++i) {
        if (words[i] != "--set") {
            steps.push_back(words[i]);
            continue;
        }
        std::string pair = i + 1 < words.size() ? words[++i] : "";
        std::string name = pair.substr(0, pair.find('=')), value = pair.substr(pair.find('=') + 1);
        if (name == "tree")
            tree = value;
        else if (name == "store_bytes")
            settings.store_bytes = std::stoull(value);
        else if (name == "source_bytes")
            settings.source_bytes = std::stoull(value);
        else if (name == "evaluation_memory")
            settings.evaluation_memory = std::stoull(value);
        else if (name == "build_memory")
            settings.build_memory = std::stoull(value);
        else if (name == "output_limit")
            settings.output_limit = std::stoull(value);
        else if (name == "evaluation_deadline")
            settings.evaluation_deadline = std::chrono::seconds(std::stoull(value));
        else if (name == "build_deadline")
            settings.build_deadline = std::chrono::seconds(std::stoull(value));
        else if (name == "allow")
            settings.allowed_inputs.push_back(value);
        else if (name == "address")
            settings.addresses[value.substr(0, value.find('='))] = value.substr(value.find('=') + 1);
        else if (name == "fetch_host")
            settings.fetch_hosts.push_back(value);
        else if (name == "certificates")
            settings.certificates = value;
        else if (name == "substituter")
            settings.substituters[value.substr(0, value.find('='))] = value.substr(value.find('=') + 1);
        else if (name == "fixed_outputs")
            settings.fixed_outputs = value == "true";
        else if (name == "fetch_seconds")
            settings.fetch_deadline = std::chrono::seconds(std::stoull(value));
        else if (name == "fetch_bytes")
            settings.fetch_bytes = std::stoull(value);
        else if (name == "platform_host")
            settings.platform_host = value;
        else if (name == "repositories")  // a folder of bare ones
            settings.platform_source = [value](Call call, std::string repository, std::string revision, int write_fd) {
                return archive(call, value + "/" + repository + ".git", revision, write_fd);
            };
        else
            throw Failure(Code::invalid, "unknown setting " + name);
    }
    make_directory(words[0], 0755);
    asio::io_context context;
    build::NixBuilder builder(context.get_executor(), settings);
    if (tree.empty()) tree = sha256_hex(words[2]).substr(0, 40);
    Run run{builder, words[1], words[2], tree, Call("probe", std::chrono::minutes(15)), {}, {}};
    run.call.set_progress([](std::string_view line) { std::cerr << line << "\n"; });
    spawn_task(context.get_executor(), "probe", run.run(steps));
    context.run();
    if (Cgroup::available()) Cgroup::remove_owner(settings.platform);
    return 0;
}
