// How the cost of looking and finding nothing to do grows with the number of instances: 10 to 10,000 in flakes of ten, all healed at
// once, against providers in memory.  Prints seconds, microseconds per instance, and the growth from line to line.
#include <chrono>
#include <cstdio>

#include <seed/util/file.h>

#include "core/base/log.h"
#include "core/deploy/converge.h"
#include "core/model/addresses.h"
#include "tests/unit/deploy/world_double.h"

namespace {

using namespace seed;
using Instances = std::map<std::string, model::InstanceSpec>;

struct Flake {
    std::string ns;
    Instances instances;
    std::unique_ptr<deploy::Converger> converger;
};

Instances ten_instances() {
    Instances instances;
    for (int i = 0; i < 10; ++i) {
        std::string name = "web" + std::to_string(i);
        json evaluated = {{"meta", {{"name", name}, {"size", "xs"}, {"expose", {{"http", 80}}}, {"storage", {{"data", "64Mi"}}}}},
                          {"outPath", "/nix/store/" + std::string(32, 'a') + "-" + name},
                          {"drvPath", "/nix/store/" + std::string(32, 'b') + "-" + name + ".drv"}};
        instances[name] = model::parse_instance(name, evaluated);
        instances[name].image = "image-of-" + name;
    }
    return instances;
}

// All that the flake wants, as if it had been deployed.
void deploy_into(test::WorldDouble &world, const Flake &flake) {
    for (const auto &[name, spec] : flake.instances) {
        runtime::Boot boot;
        boot.instance = flake.ns + "/" + name;
        boot.handle = boot.instance + "/1";
        boot.image = spec.image;
        boot.desired = model::boot_label(spec, 0);
        boot.state = "ready";
        world.boots[boot.handle] = boot;
        world.images.insert(spec.image);
        world.volumes[boot.instance + "/data"] = 64u << 20;
        dns::RecordSet set;
        set.name = name + "." + flake.ns + ".seed.test.";
        set.type = "AAAA";
        set.values = {model::service_address(world.world.prefix, flake.ns, name)};
        set.owner = "seed:test";
        world.sets[set.name + " AAAA"] = set;
    }
}

Task<size_t> heal_all(test::WorldDouble &world, std::vector<Flake> &flakes) {
    size_t actions = 0, running = flakes.size();
    Event done(world.context.get_executor());
    for (auto &flake : flakes) {
        auto one = [](Flake &flake, size_t &actions, size_t &running, Event &done) -> Task<void> {
            Call call("heal", std::chrono::minutes(5));
            actions += co_await flake.converger->converge(call, flake.instances);
            if (--running == 0) done.set();
        };
        spawn_task(world.context.get_executor(), "heal", one(flake, actions, running, done));
    }
    co_await done.wait();
    co_return actions;
}

double seconds_to_heal(size_t instances) {
    TemporaryDirectory directory("/tmp", "seed-bench-");
    test::WorldDouble world(directory.path().string());
    std::vector<Flake> flakes(instances / 10);
    const Instances ten = ten_instances();
    for (size_t i = 0; i < flakes.size(); ++i) {
        flakes[i].ns = model::Namespace::of_cid("flake" + std::to_string(i)).str();
        flakes[i].instances = ten;
        flakes[i].converger = std::make_unique<deploy::Converger>(world.world, "flake" + std::to_string(i), flakes[i].ns);
        deploy_into(world, flakes[i]);
    }
    world.wait_for(heal_all(world, flakes));  // the first one publishes
    double best = 1e9;
    for (int round = 0; round < 3; ++round) {
        auto began = std::chrono::steady_clock::now();
        size_t actions = world.wait_for(heal_all(world, flakes));
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
        if (actions) throw Failure(Code::internal, "there was something to do: " + std::to_string(actions) + " actions");
    }
    return best;
}

}  // namespace

int main() try {
    set_log_level(LogLevel::error);
    double before = 0;
    for (size_t instances : {10, 100, 1000, 10000}) {
        double took = seconds_to_heal(instances);
        std::printf("%6zu instances: %8.4f s, %6.1f us each", instances, took, took / static_cast<double>(instances) * 1e6);
        if (before > 0) std::printf(", %.1f times the line before", took / before);
        std::printf("\n");
        before = took;
    }
} catch (const std::exception &error) {
    std::fprintf(stderr, "bench_reconcile: %s\n", error.what());
    return 1;
}
