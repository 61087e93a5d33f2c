#include "core/deploy/volumes.h"

#include <gtest/gtest.h>
#include <seed/util/file.h>

#include "core/deploy/power.h"
#include "core/model/planner.h"
#include "world_double.h"

using namespace seed;
using test::WorldDouble;

namespace {

const std::string ns = "s-aaaaaaaaaaaaaaaaaaaaaaaaaa";

class Volumes : public testing::Test {
protected:
    Volumes() : directory("/tmp", "seed-volumes-"), given(directory.path().string()) {
        given.volumes = {{ns + "/web/data", 8u << 20}, {ns + "/web/old", 8u << 20}, {ns + "/gone/data", 8u << 20}};
        json evaluated = {{"meta", {{"storage", {{"data", "8Mi"}}}}}, {"outPath", "/nix/store/" + std::string(32, 'a') + "-web"}};
        spec = model::parse_instance("web", evaluated);
        given.store.add_flake({"app", "key", "cid", ns, "", 1});
        state::Revision revision;
        revision.repository = "app";
        revision.state = "deployed";
        given.store.add_revision(revision);
        state::Generation generation{"app", "hash", 1, json{{"web", model::to_json(spec)}}.dump(), 1};
        given.store.put_generation(generation);
        given.store.set_current_generation("app", "hash");
    }
    void add_boot(const std::string &instance, const std::string &desired) {
        runtime::Boot boot;
        boot.handle = ns + "/" + instance + "/1-a";
        boot.instance = ns + "/" + instance;
        boot.desired = desired;
        boot.state = "ready";
        given.boots[boot.handle] = boot;
    }
    // What became of it: "deleted", or the refusal's code.
    std::string remove(const std::string &instance, const std::string &name) {
        Call call("test", std::chrono::seconds(30));
        auto task = [](WorldDouble &given, const Call &call, std::string instance, std::string name) -> Task<bool> {
            co_await deploy::delete_volume(given.world, call, ns, instance, name);
            co_return true;
        };
        try {
            given.wait_for(task(given, call, instance, name));
            return "deleted";
        } catch (const Failure &failure) {
            return std::string(to_string(failure.code()));
        }
    }
    TemporaryDirectory directory;
    WorldDouble given;
    model::InstanceSpec spec;
};

TEST_F(Volumes, A_detached_one_is_deleted_and_nothing_else) {
    EXPECT_EQ(remove("gone", "data"), "deleted");
    EXPECT_EQ(remove("gone", "data"), "not_found");
    EXPECT_EQ(remove("web", "old"), "deleted");
    EXPECT_EQ(given.volumes.size(), 1u);
}

TEST_F(Volumes, One_that_the_present_generation_wants_is_not) {
    EXPECT_EQ(remove("web", "data"), "conflict");
    EXPECT_EQ(given.volumes.size(), 3u);
}

TEST_F(Volumes, One_that_a_boot_may_still_hold_is_not) {
    add_boot("gone", "made for an older generation-0");
    EXPECT_EQ(remove("gone", "data"), "conflict");
    add_boot("web", "made for an older generation-0");
    EXPECT_EQ(remove("web", "old"), "conflict");
    add_boot("web", model::boot_label(spec, 0));
    EXPECT_EQ(remove("web", "old"), "deleted") << "the boot of the present generation does not have it";
}

TEST_F(Volumes, Wishes_to_run_are_kept_until_the_other_is_said) {
    EXPECT_TRUE(deploy::shall_run(given.store, ns, spec));
    deploy::ask_to_rest(given.store, ns, "web");
    EXPECT_FALSE(deploy::shall_run(given.store, ns, spec));
    spec.autostart = false;
    deploy::ask_to_run(given.store, ns, "web");
    EXPECT_TRUE(deploy::shall_run(given.store, ns, spec));
    model::InstanceSpec other = spec;
    other.name = "other";
    EXPECT_FALSE(deploy::shall_run(given.store, ns, other));
}

}  // namespace
