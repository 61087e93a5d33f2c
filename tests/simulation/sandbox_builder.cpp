#include "tests/simulation/sandbox_builder.h"

#include <algorithm>
#include <functional>

#include <seed/util/failure.h>

namespace seed::simulation {

using std::chrono::milliseconds;

namespace {
// A store hash that depends on nothing but the content, as Nix's does.
std::string store_hash(const std::string &text) {
    uint64_t state = 1469598103934665603ull;  // FNV-1a
    std::string hash;
    for (int i = 0; i < 32; ++i) {
        for (char c : text + std::to_string(i)) state = (state ^ static_cast<unsigned char>(c)) * 1099511628211ull;
        hash += "0123456789abcdfghijklmnpqrsvwxyz"[state >> 59];
    }
    return hash;
}
}  // namespace

std::string out_path(const std::string &instance, const InstanceContent &content) {
    std::string name = instance + "-" + std::to_string(content.version) + "-" + content.behaviour;
    return "/nix/store/" + store_hash(name) + "-" + name;
}

Task<void> SandboxBuilder::work(const Call &the_call, uint64_t from_ms, uint64_t to_ms) {
    Call call = the_call;
    auto duration = milliseconds(chance_.between(from_ms, to_ms));
    bool fails = faults_.active && chance_.once_in(faults_.refused);
    co_await pause(executor_, call, duration, never_);
    if (fails) throw Failure(Code::unavailable, "the builder was killed by chance");
}

Task<build::Source> SandboxBuilder::unpack(const Call &call, std::string ns, std::string tree, std::function<Task<void>(int)> produce) {
    co_await work(call, 1, 200);
    Task<void> producing = produce(-1);
    co_await std::move(producing);
    co_return build::Source{ns, tree, "/sources/" + tree};
}

Task<json> SandboxBuilder::evaluate(const Call &call, const build::Source &the_source) {
    build::Source source = the_source;
    co_await work(call, 100, 3000);
    const Content &content = outside_.commits.at(source.tree);
    if (content.trouble == "evaluate") throw Failure(Code::invalid, "error: undefined variable 'chance'");
    json seeds = json::object();
    for (const auto &[name, instance] : content.instances) {
        json meta = {{"name", name}, {"size", "xs"}, {"expose", {{"http", 80}}}};
        if (instance.volume_mib) meta["storage"]["data"] = std::to_string(instance.volume_mib) + "Mi";
        if (instance.rolling) meta["rollout"] = "rolling";
        std::string path = out_path(name, instance);
        seeds[name] = {{"meta", meta}, {"outPath", path}, {"drvPath", path + ".drv"}};
    }
    json evaluated = {{"seeds", seeds}};
    co_return evaluated;
}

Task<void> SandboxBuilder::build(const Call &call, const build::Source &the_source, std::map<std::string, std::string> drvs, std::string) {
    build::Source source = the_source;
    co_await work(call, 200, 6000 * (drvs.size() + 1));
    if (outside_.commits.at(source.tree).trouble == "build") throw Failure(Code::invalid, "builder for 'web.drv' failed with exit code 1");
}

Task<build::Image> SandboxBuilder::image(const Call &call, const std::string &the_ns, std::string out_path) {
    std::string key = store_hash(the_ns + out_path);
    std::string path = "/images/" + key;
    co_await work(call, 10, 800);
    outside_.image_files.insert(path);
    co_return build::Image{key, path};
}

Task<void> SandboxBuilder::collect(const Call &call, const std::string &, std::vector<std::string>, std::vector<std::string>) {
    co_await work(call, 10, 500);
}

void SandboxBuilder::remove_images_except(const std::vector<std::string> &keys) {
    std::erase_if(outside_.image_files, [&](const std::string &path) { return std::find(keys.begin(), keys.end(), path.substr(8)) == keys.end(); });
}

}  // namespace seed::simulation
