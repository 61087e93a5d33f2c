#include "core/deploy/converge.h"

#include <gtest/gtest.h>
#include <seed/util/file.h>

#include "world_double.h"

using namespace seed;
using deploy::Converger;
using test::WorldDouble;

namespace {

const std::string ns = "s-aaaaaaaaaaaaaaaaaaaaaaaaaa";

model::InstanceSpec instance(const std::string &name, const std::string &content, bool with_volume = false) {
    json evaluated = {{"meta", {{"name", name}, {"size", "xs"}, {"expose", {{"http", 80}}}}},
                      {"outPath", "/nix/store/" + std::string(32, 'a') + "-" + content},
                      {"drvPath", "/nix/store/" + std::string(32, 'b') + "-" + content + ".drv"}};
    if (with_volume) evaluated["meta"]["storage"]["data"] = "64Mi";
    model::InstanceSpec spec = model::parse_instance(name, evaluated);
    spec.image = "image-of-" + content;
    return spec;
}

class Converge : public testing::Test {
protected:
    Converge() : directory("/tmp", "seed-converge-"), given(directory.path().string()), converger(given.world, "app", ns) {}

    size_t converge(const std::map<std::string, model::InstanceSpec> &instances) {
        for (const auto &[name, spec] : instances) given.images.insert(spec.image);
        Call call("test", std::chrono::seconds(30));
        return given.wait_for(converger.converge(call, instances));
    }
    std::string boot_of(const std::string &name) const {
        for (const auto &[handle, boot] : given.boots)
            if (boot.instance == ns + "/" + name) return handle;
        return {};
    }

    TemporaryDirectory directory;
    WorldDouble given;
    Converger converger;
};

TEST_F(Converge, A_new_instance_is_started_published_and_named) {
    converge({{"web", instance("web", "one", true)}});
    ASSERT_EQ(given.boots.size(), 1u);
    EXPECT_EQ(given.published[ns].at(0).handle, boot_of("web"));
    EXPECT_EQ(given.sets.begin()->second.name, "web." + ns + ".seed.test.");
    EXPECT_EQ(given.sets.begin()->second.values.at(0), given.published[ns].at(0).address);
    EXPECT_EQ(given.volumes.at(ns + "/web/data"), 64u << 20);
    EXPECT_EQ(given.started.at(0).environment.at("SEED_INSTANCE"), "web");
    EXPECT_EQ(given.started.at(0).volumes.at(0).mount_point, "/seed/storage/data");
}

TEST_F(Converge, The_same_again_does_nothing) {
    converge({{"web", instance("web", "one")}});
    auto boot = boot_of("web");
    EXPECT_EQ(converge({{"web", instance("web", "one")}}), 0u);
    EXPECT_EQ(boot_of("web"), boot);
    EXPECT_EQ(given.runtime->count("start"), 1u);
}

TEST_F(Converge, What_is_published_is_sent_again_only_when_it_is_in_doubt) {
    std::map<std::string, model::InstanceSpec> wanted = {{"web", instance("web", "one")}};
    auto sent = [&] {
        converge(wanted);
        return given.runtime->count("publish");
    };
    size_t before = sent();
    EXPECT_EQ(sent(), before) << "nothing has changed";
    converger.doubt_old_publication();
    EXPECT_EQ(sent(), before) << "it is not old";
    converger.doubt_publication();
    EXPECT_EQ(sent(), before + 1);
    given.published.clear();   // as by a runtime that was started again: the core is told of that
    converger.doubt_publication();
    EXPECT_EQ(sent(), before + 2);
    EXPECT_EQ(given.published[ns].size(), 1u);

    given.route_reports = {{ns + "/web", "http", false, false, "another program has the port"}};
    converger.doubt_publication();
    EXPECT_EQ(sent(), before + 3);
    converger.doubt_old_publication();   // as each healing does
    EXPECT_EQ(sent(), before + 4) << "a route that was refused is tried again";
    given.route_reports.clear();
    converger.doubt_old_publication();
    EXPECT_EQ(sent(), before + 5);
    converger.doubt_old_publication();
    EXPECT_EQ(sent(), before + 5) << "and no longer once it is served";

    given.runtime->failures["publish"] = 1;
    converger.doubt_publication();
    EXPECT_THROW(converge(wanted), Failure);
    given.runtime->failures["publish"] = 0;
    EXPECT_EQ(sent(), before + 7) << "what failed is not taken for sent";
}

TEST_F(Converge, Only_the_instance_that_changed_restarts) {
    converge({{"web", instance("web", "one")}, {"api", instance("api", "one")}});
    auto web = boot_of("web"), api = boot_of("api");
    converge({{"web", instance("web", "two")}, {"api", instance("api", "one")}});
    EXPECT_NE(boot_of("web"), web);
    EXPECT_EQ(boot_of("api"), api);
}

TEST_F(Converge, A_removed_instance_leaves_only_its_volume) {
    converge({{"web", instance("web", "one", true)}, {"api", instance("api", "one")}});
    converge({{"api", instance("api", "one")}});
    EXPECT_EQ(boot_of("web"), "");
    EXPECT_EQ(given.published[ns].size(), 1u);
    EXPECT_EQ(given.sets.size(), 1u);
    EXPECT_TRUE(given.volumes.contains(ns + "/web/data"));
}

TEST_F(Converge, An_instance_that_fails_does_not_hold_up_the_others) {
    given.storage->failures["create"] = 1;
    EXPECT_THROW(converge({{"web", instance("web", "one", true)}, {"api", instance("api", "one")}}), Failure);
    EXPECT_NE(boot_of("api"), "");
    converge({{"web", instance("web", "one", true)}, {"api", instance("api", "one")}});
    EXPECT_NE(boot_of("web"), "");
}

TEST_F(Converge, A_boot_that_exits_before_it_is_ready_is_told_with_its_reason) {
    given.next_state = "exited";
    try {
        converge({{"web", instance("web", "one")}});
        FAIL() << "nothing was thrown";
    } catch (const Failure &failure) {
        EXPECT_NE(std::string(failure.what()).find("it was told to fail"), std::string::npos) << failure.what();
    }
}

TEST_F(Converge, A_boot_that_never_gets_ready_is_stopped_and_replaced) {
    given.world.ready_deadline = std::chrono::seconds(1);
    given.next_state = "starting";
    given.runtime->handlers["wait"] = [this](const Call &call, const json &request, const providers::CallOptions &options) -> Task<json> {
        options.on_item(json(given.boots.at(request.at("handle").get<std::string>())), {});
        co_await sleep_for(std::chrono::duration_cast<std::chrono::milliseconds>(call.remaining()));
        throw Failure(Code::timeout, "nothing happened");
    };
    EXPECT_THROW(converge({{"web", instance("web", "one")}}), Failure);
    std::string stuck = boot_of("web");
    EXPECT_EQ(given.boots.at(stuck).state, "exited");
    given.make_runtime();
    given.next_state = "ready";
    converge({{"web", instance("web", "one")}});
    EXPECT_NE(boot_of("web"), stuck);
}

// Every provider operation fails once, at each place in turn: converging again always ends where it should.
TEST_F(Converge, A_failure_at_any_operation_is_repaired_by_converging_again) {
    std::map<std::string, model::InstanceSpec> first = {{"web", instance("web", "one", true)}, {"api", instance("api", "one")}};
    std::map<std::string, model::InstanceSpec> second = {{"web", instance("web", "two", true)}, {"db", instance("db", "one", true)}};
    int runs = 0;
    for (auto [provider, slots] : std::vector<std::pair<std::shared_ptr<test::DoubleProvider>, std::vector<std::string>>>{
             {given.runtime, {"list", "images", "start", "wait", "stop", "destroy", "publish"}},
             {given.storage, {"list", "create", "attach"}},
             {given.dns, {"list", "apply", "remove"}}})
        for (const auto &slot : slots)
            for (auto *target : {&first, &second}) {
                provider->failures[slot] = 1;
                for (int attempt = 0; attempt < 3; ++attempt) try {
                        converge(*target);
                        break;
                    } catch (const Failure &) {
                    }
                provider->failures[slot] = 0;
                EXPECT_EQ(converge(*target), 0u) << slot;
                EXPECT_EQ(given.boots.size(), target->size()) << slot;
                EXPECT_EQ(given.sets.size(), target->size()) << slot;
                EXPECT_EQ(given.published[ns].size(), target->size()) << slot;
                ++runs;
            }
    EXPECT_EQ(runs, 26);
    EXPECT_TRUE(given.volumes.contains(ns + "/web/data"));
    EXPECT_TRUE(given.volumes.contains(ns + "/db/data"));
}

}  // namespace
