#include "core/names/records.h"

#include <gtest/gtest.h>

#include <seed/util/failure.h>
#include <seed/dns.hpp>

namespace seed::names {
namespace {

using std::chrono::seconds;

const std::string zone = "seed.test.", ours = "seed:one";

// A zone in memory that speaks the contract's bodies and refuses sets of others.
class FakeDns : public providers::Provider {
public:
    std::vector<dns::RecordSet> sets;
    std::vector<std::string> ensured, removed;
    bool refuses_zones = false;
    int applies = 0;
    std::string hangs_for;                 // an apply with this in its names ends when `released` is set
    std::shared_ptr<Event> released;

    Task<nlohmann::json> call(const Call &call, std::string slot, nlohmann::json request, providers::CallOptions options) override {
        if (slot == "ensure_zone") {
            if (refuses_zones) throw Failure(Code::unsupported, "this server makes no zones");
            ensured.push_back(request.at("zone"));
        } else if (slot == "remove_zone") {
            if (refuses_zones) throw Failure(Code::unsupported, "this server makes no zones");
            std::string gone = request.at("zone");
            bool empty = std::none_of(sets.begin(), sets.end(), [&](const auto &set) { return set.name == gone || set.name.ends_with("." + gone); });
            if (empty) removed.push_back(gone);
            co_return nlohmann::json{{"removed", empty}, {"reason", empty ? "" : "it has other records"}};
        } else if (slot == "list") {
            std::string of = request.at("zone");
            for (const auto &set : sets)
                if (set.name == of || set.name.ends_with("." + of)) options.on_item(nlohmann::json(set), {});
        } else if (slot == "apply") {
            ++applies;
            auto wanted = request.get<dns::ApplyRequest>();
            if (!hangs_for.empty() && request.dump().find(hangs_for) != std::string::npos) {
                bool ended = co_await released->wait_until(call.deadline());
                if (!ended) throw Failure(Code::timeout, "the deadline passed");
            }
            for (const auto &set : wanted.sets)
                for (const auto &there : sets)
                    if (there.name == set.name && there.owner != wanted.owner)
                        throw Failure(Code::conflict, set.name + " is somebody else's");
            for (auto set : wanted.sets) {
                set.owner = wanted.owner;
                std::erase_if(sets, [&](const auto &there) { return there.name == set.name && there.type == set.type; });
                sets.push_back(set);
            }
        } else if (slot == "remove") {
            auto unwanted = request.get<dns::RemoveRequest>();
            for (const auto &key : unwanted.sets)
                std::erase_if(sets, [&](const auto &there) {
                    return there.name == key.name && there.type == key.type && there.owner == unwanted.owner;
                });
        }
        co_return nlohmann::json::object();
    }
    const providers::ProviderSettings &settings() const override { return settings_; }
    nlohmann::json describe() const override { return nlohmann::json::object(); }
    void shut_down() override {}

private:
    providers::ProviderSettings settings_;
};

struct records : testing::Test {
    asio::io_context context;
    std::shared_ptr<FakeDns> dns = std::make_shared<FakeDns>();
    Records wanted{context.get_executor(), dns, zone, ours};
    Call call{"test", seconds(60)};
    std::map<std::string, std::string> outcome;  // by namespace: what set() threw

    static model::Record aaaa(const std::string &instance, const std::string &ns, const std::string &value) {
        return {instance + "." + ns + "." + zone, "AAAA", value};
    }
    Task<void> set(std::string ns, std::vector<model::Record> all) {
        try {
            co_await wanted.set(call, ns, all);
            outcome[ns] = "written";
        } catch (const Failure &failure) {
            outcome[ns] = failure.what();
        }
    }
    void start(std::string ns, std::vector<model::Record> all) {
        asio::co_spawn(context, set(std::move(ns), std::move(all)), asio::detached);
    }
    void run() {
        context.restart();
        context.run();
    }
};

TEST_F(records, a_namespace_gets_exactly_what_is_wanted) {
    start("s-a", {aaaa("web", "s-a", "fd00::1"), aaaa("api", "s-a", "fd00::2")});
    run();
    EXPECT_EQ(dns->sets.size(), 2u);
    start("s-a", {aaaa("web", "s-a", "fd00::3")});
    run();
    ASSERT_EQ(dns->sets.size(), 1u);
    EXPECT_EQ(dns->sets[0].values, std::vector<std::string>{"fd00::3"});
    EXPECT_EQ(dns->sets[0].owner, ours);
    EXPECT_EQ(outcome["s-a"], "written");
}

TEST_F(records, many_changes_go_in_few_batches) {
    for (int i = 0; i < 100; ++i) {
        std::string ns = "s-" + std::to_string(i);
        start(ns, {aaaa("web", ns, "fd00::1")});
    }
    run();
    EXPECT_EQ(dns->sets.size(), 100u);
    EXPECT_LE(dns->applies, 2);
}

TEST_F(records, sets_of_others_and_of_other_namespaces_stay) {
    dns->sets = {{"web.s-a." + zone, "TXT", 60, {"\"x\""}, ""},
                 {"old.s-b." + zone, "AAAA", 60, {"fd00::9"}, ours},
                 {"old.s-a." + zone, "AAAA", 60, {"fd00::8"}, ours}};
    start("s-a", {});
    run();
    ASSERT_EQ(dns->sets.size(), 2u);
    EXPECT_EQ(dns->sets[0].type, "TXT");
    EXPECT_EQ(dns->sets[1].name, "old.s-b." + zone);
}

TEST_F(records, a_conflict_of_one_namespace_does_not_keep_another_out) {
    dns->sets = {{"web.s-a." + zone, "AAAA", 60, {"fd00::9"}, ""}};
    start("s-first", {});  // the batch below is made while this one is written
    start("s-a", {aaaa("web", "s-a", "fd00::1")});
    start("s-b", {aaaa("web", "s-b", "fd00::2")});
    run();
    EXPECT_EQ(outcome["s-b"], "written");
    EXPECT_NE(outcome["s-a"].find("somebody else's"), std::string::npos) << outcome["s-a"];
    EXPECT_EQ(dns->sets.size(), 2u);
    EXPECT_EQ(dns->sets[0].values[0], "fd00::9");
}

TEST_F(records, a_provider_that_hangs_for_one_namespace_writes_the_names_of_others) {
    dns->hangs_for = "s-a.";
    dns->released = std::make_shared<Event>(context.get_executor());
    start("s-a", {aaaa("web", "s-a", "fd00::1")});
    auto others = [](records &self) -> Task<void> {
        while (self.dns->applies == 0) co_await sleep_for(std::chrono::milliseconds(1));   // until it hangs
        for (std::string ns : {"s-b", "s-c"}) {
            std::vector<model::Record> one;
            one.push_back(aaaa("web", ns, "fd00::2"));
            co_await self.set(ns, one);
        }
        EXPECT_EQ(self.outcome.count("s-a"), 0u) << "it was not hanging all the time";
        self.dns->released->set();
    };
    asio::co_spawn(context, others(*this), asio::detached);
    run();
    EXPECT_EQ(outcome, (std::map<std::string, std::string>{{"s-a", "written"}, {"s-b", "written"}, {"s-c", "written"}}));
    EXPECT_EQ(dns->sets.size(), 3u);
}

TEST_F(records, the_newest_wish_of_a_namespace_that_is_being_written_comes_after_it) {
    dns->hangs_for = "fd00::1";
    dns->released = std::make_shared<Event>(context.get_executor());
    start("s-a", {aaaa("web", "s-a", "fd00::1")});
    auto newer = [](records &self) -> Task<void> {
        while (self.dns->applies == 0) co_await sleep_for(std::chrono::milliseconds(1));   // until it hangs
        std::vector<model::Record> one;
        one.push_back(aaaa("web", "s-a", "fd00::2"));
        self.start("s-a", one);
        co_await sleep_for(std::chrono::milliseconds(200));
        EXPECT_EQ(self.dns->applies, 1) << "one namespace is in two writes at once";
        self.dns->released->set();
    };
    asio::co_spawn(context, newer(*this), asio::detached);
    run();
    ASSERT_EQ(dns->sets.size(), 1u);
    EXPECT_EQ(dns->sets[0].values, std::vector<std::string>{"fd00::2"});
}

TEST_F(records, a_domain_of_a_tenant_is_a_zone_of_its_own_made_once) {
    const std::string own = "example.test.";
    model::Record apex{own, "AAAA", "fd00::1", own}, other{"*." + own, "AAAA", "fd00::1", own};
    dns->sets = {{"foreign." + own, "TXT", 60, {"\"x\""}, ""}, {"www." + own, "AAAA", 60, {"fd00::9"}, ours}};
    start("s-a", {aaaa("web", "s-a", "fd00::1"), apex, other});
    run();
    EXPECT_EQ(outcome["s-a"], "written");
    EXPECT_EQ(dns->ensured, std::vector<std::string>{own});
    ASSERT_EQ(dns->sets.size(), 4u);   // the foreign one stays, what nobody wants goes
    EXPECT_EQ(dns->sets[0].name, "foreign." + own);
    start("s-a", {aaaa("web", "s-a", "fd00::1"), apex});
    run();
    EXPECT_EQ(dns->ensured.size(), 1u);
    EXPECT_EQ(dns->sets.size(), 3u);
    start("s-a", {aaaa("web", "s-a", "fd00::1")});   // the domain is dropped
    run();
    ASSERT_EQ(dns->sets.size(), 2u);
    EXPECT_EQ(dns->sets[0].owner, "");
    EXPECT_TRUE(dns->removed.empty()) << "somebody else has records in it";
}

TEST_F(records, a_domain_that_is_dropped_is_a_zone_no_longer_and_made_anew_when_it_returns) {
    const std::string own = "example.test.";
    model::Record apex{own, "AAAA", "fd00::1", own};
    for (size_t time = 1; time <= 2; ++time) {
        start("s-a", {apex});
        run();
        EXPECT_EQ(dns->ensured.size(), time);
        start("s-a", {});
        run();
        EXPECT_EQ(outcome["s-a"], "written");
        EXPECT_EQ(dns->removed, std::vector<std::string>(time, own));
    }
    start("s-a", {});
    run();
    EXPECT_EQ(dns->removed.size(), 2u) << "it is nobody's now";
}

TEST_F(records, a_domain_that_cannot_be_served_keeps_no_other_name_out) {
    dns->refuses_zones = true;
    start("s-first", {});
    start("s-a", {aaaa("web", "s-a", "fd00::1"), {"example.test.", "AAAA", "fd00::1", "example.test."}});
    start("s-b", {aaaa("web", "s-b", "fd00::2")});
    run();
    EXPECT_EQ(outcome["s-b"], "written");
    EXPECT_EQ(outcome["s-a"], "while writing the domain example.test.: this server makes no zones");
    EXPECT_EQ(dns->sets.size(), 2u);
}

TEST_F(records, what_is_in_the_zones_of_tenants_is_theirs) {
    start("s-a", {{"www.example.test.", "AAAA", "fd00::1", "example.test."}});
    run();
    std::map<std::string, std::vector<model::Record>> seen;
    auto look = [&]() -> Task<void> { seen = co_await wanted.observe(call); };
    asio::co_spawn(context, look(), asio::detached);
    run();
    std::vector<model::Record> expected = {{"www.example.test.", "AAAA", "fd00::1", "example.test."}};
    EXPECT_EQ(seen["s-a"], expected);
}

}  // namespace
}  // namespace seed::names
