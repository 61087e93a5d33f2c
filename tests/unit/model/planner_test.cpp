// The planner against a small world in which plans are carried out, cut short and fail.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

#include <seed/util/failure.h>

#include "core/model/planner.h"

namespace seed::model {
namespace {

const std::string ns = "s-abcdefghijklmnopqrstuvwxyz";

// What providers would do.  Breaks the test when a plan asks for something that must never happen.
struct World {
    Observed state;
    int next_boot = 1;

    ObservedBoot *boot(const std::string &handle) {
        for (auto &boot : state.boots)
            if (boot.handle == handle) return &boot;
        return nullptr;
    }

    // False: the action failed and the rest of this instance's chain is not carried out.
    bool carry_out(const Desired &desired, const Action &action, std::string &started, bool boot_succeeds) {
        auto spec = desired.instances.find(action.instance);
        switch (action.kind) {
            case ActionKind::create_volume:
                for (const auto &volume : state.volumes) RC_ASSERT(volume.volume != action.volume);
                state.volumes.push_back({action.volume, action.size_bytes});
                return true;
            case ActionKind::grow_volume:
                for (auto &volume : state.volumes)
                    if (volume.volume == action.volume) {
                        RC_ASSERT(volume.size_bytes < action.size_bytes);
                        volume.size_bytes = action.size_bytes;
                        return true;
                    }
                RC_FAIL("grows a volume that does not exist");
            case ActionKind::prepare_image:
                state.images.push_back(action.image);
                return true;
            case ActionKind::start: {
                RC_ASSERT(std::count(state.images.begin(), state.images.end(), spec->second.image) >= 1);
                for (const auto &volume : spec->second.volumes) {
                    std::string id = ns + "/" + action.instance + "/" + volume.name;
                    RC_ASSERT(std::any_of(state.volumes.begin(), state.volumes.end(),
                                          [&](auto &v) { return v.volume == id && v.size_bytes >= volume.size_bytes; }));
                }
                if (spec->second.rollout == Rollout::recreate)
                    for (const auto &other : state.boots) RC_ASSERT(other.instance != action.instance || other.state == "exited");
                auto requests = desired.restart_requests.find(action.instance);
                started = ns + "/" + action.instance + "/" + std::to_string(next_boot++) + "-x";
                state.boots.push_back(
                    {started, action.instance,
                     boot_label(spec->second, requests == desired.restart_requests.end() ? 0 : requests->second), "starting", "",
                     false});
                return true;
            }
            case ActionKind::await_ready: {
                ObservedBoot *it = boot(action.handle.empty() ? started : action.handle);
                RC_ASSERT(it != nullptr);
                it->state = boot_succeeds ? "ready" : "exited";
                return boot_succeeds;
            }
            case ActionKind::publish: {
                std::string handle = action.handle.empty() ? started : action.handle;
                RC_ASSERT(boot(handle) && boot(handle)->state == "ready");
                state.services[action.instance] = {desired.addresses.at(action.instance), handle, spec->second.expose};
                return true;
            }
            case ActionKind::stop:
                RC_ASSERT(boot(action.handle) != nullptr);
                boot(action.handle)->state = "exited";
                return true;
            case ActionKind::destroy:
                RC_ASSERT(boot(action.handle) && boot(action.handle)->state == "exited");
                std::erase_if(state.boots, [&](auto &boot) { return boot.handle == action.handle; });
                return true;
            case ActionKind::unpublish:
                state.services.erase(action.instance);
                return true;
            case ActionKind::apply_record:
                std::erase_if(state.records,
                              [&](auto &r) { return r.name == action.record.name && r.type == action.record.type; });
                state.records.push_back(action.record);
                return true;
            case ActionKind::remove_record:
                std::erase(state.records, action.record);
                return true;
        }
        return true;
    }
};

InstanceSpec make_spec(const std::string &name, int closure, bool exposes, int volume_mib, bool rolling) {
    InstanceSpec spec;
    spec.name = name;
    spec.size = size_named("xs");
    spec.out_path = "/nix/store/closure-" + std::to_string(closure);
    spec.image = "image-" + std::to_string(closure);
    if (exposes) spec.expose.push_back({"http", 80, "http"});
    if (volume_mib) spec.volumes.push_back({"data", uint64_t(volume_mib) << 20, "/seed/storage/data"});
    if (rolling && !volume_mib) spec.rollout = Rollout::rolling;
    return spec;
}

Desired make_desired(std::map<std::string, InstanceSpec> instances) {
    Desired desired;
    desired.ns = ns;
    desired.domain = "seed.example";
    desired.instances = std::move(instances);
    for (const auto &[name, spec] : desired.instances) desired.addresses[name] = "fd00::" + std::to_string(name.size());
    return desired;
}

std::string lines(const std::vector<Action> &actions) {
    std::string text;
    for (const auto &action : actions)
        text += std::string(to_string(action.kind)) + " " + (action.handle.empty() ? action.instance : action.handle) + "\n";
    return text;
}

// Carries out whole plans until there is nothing to do.
void settle(World &world, const Desired &desired) {
    for (int round = 0; round < 5; ++round) {
        auto actions = plan(desired, world.state);
        if (actions.empty()) return;
        std::map<std::string, std::string> started;
        for (const auto &action : actions) world.carry_out(desired, action, started[action.instance], true);
    }
    RC_ASSERT(plan(desired, world.state).empty());
}

Desired arbitrary_desired(const World &world) {
    std::map<std::string, InstanceSpec> instances;
    for (const char *name : {"api", "db", "web"}) {
        if (*rc::gen::inRange(0, 4) == 0) continue;
        int volume = *rc::gen::element(0, 0, 16, 32);
        for (const auto &there : world.state.volumes)  // what is there cannot shrink
            if (volume && there.volume == ns + "/" + name + "/data")
                volume = std::max<int>(volume, static_cast<int>(there.size_bytes >> 20));
        instances[name] =
            make_spec(name, *rc::gen::inRange(0, 3), *rc::gen::arbitrary<bool>(), volume, *rc::gen::arbitrary<bool>());
    }
    Desired desired = make_desired(instances);
    for (const auto &[name, spec] : instances) {
        desired.restart_requests[name] = *rc::gen::inRange(0, 2);
        if (*rc::gen::inRange(0, 5) == 0) desired.resting.insert(name);
    }
    return desired;
}

// Carries out a plan with failures, perhaps only a prefix of it; sometimes boots end by themselves or publications are forgotten.
void disturbed_round(World &world, const Desired &desired) {
    auto actions = plan(desired, world.state);
    size_t prefix = *rc::gen::inRange<size_t>(0, actions.size() + 1);
    std::map<std::string, std::string> started;
    std::set<std::string> failed;
    for (size_t i = 0; i < prefix; ++i) {
        bool fails = *rc::gen::inRange(0, 6) == 0;
        if (failed.contains(actions[i].instance)) continue;
        if (fails && actions[i].kind != ActionKind::await_ready)
            failed.insert(actions[i].instance);
        else if (!world.carry_out(desired, actions[i], started[actions[i].instance], !fails))
            failed.insert(actions[i].instance);
    }
    for (auto &boot : world.state.boots) {
        int event = *rc::gen::inRange(0, 8);
        if (event == 0)
            boot.state = "exited";
        else if (event == 1 && boot.state == "starting")
            boot.state = "ready";
    }
    if (*rc::gen::inRange(0, 5) == 0) world.state.services.clear();  // seedd started again
}

std::map<std::string, uint64_t> sizes(const World &world) {
    std::map<std::string, uint64_t> found;
    for (const auto &volume : world.state.volumes) found[volume.volume] = volume.size_bytes;
    return found;
}

TEST(planner, ends_in_an_empty_plan_whatever_failed_before_and_never_takes_from_a_volume) {
    EXPECT_TRUE(rc::check([] {
        World world;
        for (int change = *rc::gen::inRange(1, 4); change > 0; --change) {
            Desired desired = arbitrary_desired(world);
            for (int round = *rc::gen::inRange(0, 5); round > 0; --round) {
                auto before = sizes(world);
                disturbed_round(world, desired);
                auto after = sizes(world);
                for (const auto &[volume, size] : before) RC_ASSERT(after.contains(volume) && after[volume] >= size);
            }
            if (*rc::gen::arbitrary<bool>()) settle(world, desired);
        }
        Desired last = arbitrary_desired(world);
        settle(world, last);
        RC_ASSERT(world.state.boots.size() == last.instances.size() - last.resting.size());
        for (const auto &boot : world.state.boots)
            RC_ASSERT(boot.state == "ready" && last.instances.contains(boot.instance) && !last.resting.contains(boot.instance));
        for (const auto &[name, spec] : last.instances)
            RC_ASSERT(world.state.services.contains(name) == (!spec.expose.empty() && !last.resting.contains(name)));
    }));
}

TEST(planner, gives_no_action_to_instances_that_did_not_change) {
    EXPECT_TRUE(rc::check([] {
        World world;
        Desired before = arbitrary_desired(world);
        settle(world, before);
        Desired after = before;
        Desired other = arbitrary_desired(world);
        after.resting.erase("web");
        if (other.instances.contains("web")) {
            after.instances["web"] = other.instances["web"];
            after.addresses["web"] = other.addresses["web"];
        } else {
            after.instances.erase("web");
            after.addresses.erase("web");
        }
        for (const auto &action : plan(after, world.state)) RC_ASSERT(action.instance == "web");
    }));
}

TEST(planner, gives_the_same_plan_for_the_same_state_in_any_order) {
    EXPECT_TRUE(rc::check([] {
        World world;
        Desired desired = arbitrary_desired(world);
        for (int round = 0; round < 3; ++round) disturbed_round(world, desired);
        Observed shuffled = world.state;
        std::reverse(shuffled.boots.begin(), shuffled.boots.end());
        std::reverse(shuffled.volumes.begin(), shuffled.volumes.end());
        std::reverse(shuffled.records.begin(), shuffled.records.end());
        auto one = plan(desired, world.state), two = plan(desired, shuffled);
        RC_ASSERT(lines(one) == lines(two));
    }));
}

TEST(planner, explains_each_action) {
    EXPECT_TRUE(rc::check([] {
        World world;
        Desired desired = arbitrary_desired(world);
        for (int round = 0; round < 3; ++round) disturbed_round(world, desired);
        for (const auto &action : plan(desired, world.state))
            RC_ASSERT(!action.reason.empty() && !describe(action).empty() && !action.instance.empty());
    }));
}

struct planner_steps : testing::Test {
    World world;
    Desired desired = make_desired({{"web", make_spec("web", 1, true, 16, false)}});
    std::string label = boot_label(desired.instances.at("web"), 0);
    void add_boot(const std::string &id, const std::string &desired_label, const std::string &state,
                  const std::string &reason = "") {
        world.state.boots.push_back({ns + "/web/" + id, "web", desired_label, state, reason, false});
    }
    std::string h(const std::string &id) { return ns + "/web/" + id; }
    std::string steps() { return lines(plan(desired, world.state)); }
};

TEST_F(planner_steps, a_first_deployment_goes_from_volume_to_record) {
    EXPECT_EQ(steps(), "create_volume web\nprepare_image web\nstart web\nawait_ready web\npublish web\napply_record web\n");
}

TEST_F(planner_steps, recreate_ends_the_old_boot_before_it_starts_the_new_one_and_clears_up_while_that_boots) {
    settle(world, desired);
    desired.instances["web"] = make_spec("web", 2, true, 32, false);
    EXPECT_EQ(steps(), "grow_volume web\nprepare_image web\nstop " + h("1-x") + "\nstart web\ndestroy " + h("1-x") +
                           "\nawait_ready web\npublish web\n");
}

TEST_F(planner_steps, rolling_ends_the_old_boot_after_the_new_one_serves) {
    desired.instances["web"] = make_spec("web", 1, true, 0, true);
    settle(world, desired);
    desired.instances["web"] = make_spec("web", 2, true, 0, true);
    EXPECT_EQ(steps(),
              "prepare_image web\nstart web\nawait_ready web\npublish web\nstop " + h("1-x") + "\ndestroy " + h("1-x") + "\n");
}

TEST_F(planner_steps, a_boot_on_its_way_is_awaited_and_not_started_again) {
    settle(world, desired);
    world.state.boots[0].state = "starting";
    world.state.services.clear();
    EXPECT_EQ(steps(), "await_ready " + h("1-x") + "\npublish " + h("1-x") + "\n");
}

TEST_F(planner_steps, of_several_right_boots_the_newest_ready_one_stays) {
    settle(world, desired);
    world.state.boots.clear();
    add_boot("9-a", label, "ready");
    add_boot("10-b", label, "ready");
    add_boot("11-c", label, "starting");
    EXPECT_EQ(steps(), "stop " + h("9-a") + "\nstop " + h("11-c") + "\ndestroy " + h("9-a") + "\ndestroy " + h("11-c") +
                           "\npublish " + h("10-b") + "\n");
}

TEST_F(planner_steps, a_boot_that_exited_is_replaced_and_the_reason_is_told) {
    settle(world, desired);
    world.state.boots[0].state = "exited";
    world.state.boots[0].reason = "killed by signal 9";
    EXPECT_EQ(steps(), "destroy " + h("1-x") + "\nstart web\nawait_ready web\npublish web\n");
    EXPECT_EQ(plan(desired, world.state)[1].reason, "it exited: killed by signal 9");
}

TEST_F(planner_steps, a_restart_request_makes_a_new_boot) {
    settle(world, desired);
    desired.restart_requests["web"] = 1;
    auto actions = plan(desired, world.state);
    EXPECT_EQ(lines(actions), "stop " + h("1-x") + "\nstart web\ndestroy " + h("1-x") + "\nawait_ready web\npublish web\n");
    EXPECT_EQ(actions[1].reason, "a restart was asked for");
}

TEST_F(planner_steps, a_service_that_leads_elsewhere_is_published_again) {
    settle(world, desired);
    world.state.services["web"].handle = h("0-dead");
    EXPECT_EQ(steps(), "publish " + h("1-x") + "\n");
    world.state.services["web"] = {"fd00::99", h("1-x"), desired.instances["web"].expose};
    EXPECT_EQ(steps(), "publish " + h("1-x") + "\n");
}

TEST_F(planner_steps, a_removed_instance_keeps_only_its_volume) {
    settle(world, desired);
    desired = make_desired({});
    EXPECT_EQ(steps(), "unpublish web\nremove_record web\nstop " + h("1-x") + "\ndestroy " + h("1-x") + "\n");
    settle(world, desired);
    EXPECT_EQ(world.state.volumes.size(), 1u);
}

TEST_F(planner_steps, an_instance_that_exposes_nothing_any_more_is_unpublished_and_loses_its_name) {
    settle(world, desired);
    desired.instances["web"] = make_spec("web", 1, false, 16, false);
    EXPECT_EQ(steps(),
              "unpublish web\nstop " + h("1-x") + "\nstart web\ndestroy " + h("1-x") + "\nawait_ready web\nremove_record web\n");
}

TEST_F(planner_steps, equal_addresses_written_differently_are_no_change) {
    settle(world, desired);
    world.state.records[0].value = "FD00:0:0::3";
    EXPECT_EQ(steps(), "");
}

TEST_F(planner_steps, a_volume_that_would_shrink_is_refused_before_anything_happens) {
    settle(world, desired);
    desired.instances["web"] = make_spec("web", 2, true, 8, false);
    try {
        plan(desired, world.state);
        FAIL();
    } catch (const Failure &error) {
        EXPECT_EQ(error.code(), Code::invalid);
        EXPECT_NE(std::string(error.what()).find("instance web: seed.storage.data is 16 MiB"), std::string::npos) << error.what();
    }
}

TEST_F(planner_steps, an_instance_that_rests_is_prepared_but_not_started_and_one_that_runs_is_stopped) {
    desired.resting = {"web"};
    EXPECT_EQ(steps(), "create_volume web\nprepare_image web\napply_record web\n");
    desired.resting = {};
    settle(world, desired);
    desired.resting = {"web"};
    EXPECT_EQ(steps(), "unpublish web\nstop " + h("1-x") + "\ndestroy " + h("1-x") + "\n");
    settle(world, desired);
    EXPECT_EQ(steps(), "");
    desired.resting = {};
    EXPECT_EQ(steps(), "start web\nawait_ready web\npublish web\n");
}

TEST_F(planner_steps, rolling_with_a_volume_is_refused) {
    desired.instances["web"].rollout = Rollout::rolling;
    EXPECT_THROW(plan(desired, world.state), Failure);
}

}  // namespace
}  // namespace seed::model
