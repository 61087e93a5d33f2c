#include "core/model/difference.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <seed/util/failure.h>

#include "core/model/quota.h"

namespace seed::model {
namespace {

InstanceSpec instance(const std::string &name, char closure, nlohmann::json meta = {}) {
    meta["name"] = name;
    if (!meta.contains("size")) meta["size"] = "xs";
    return parse_instance(name, {{"meta", meta},
                                 {"outPath", "/nix/store/" + std::string(32, closure) + "-" + name},
                                 {"drvPath", "/nix/store/" + std::string(32, closure) + "-" + name + ".drv"}});
}

TEST(Difference, names_what_is_added_removed_changed_and_the_same) {
    std::map<std::string, InstanceSpec> before{{"a", instance("a", 'a')}, {"b", instance("b", 'a')}, {"c", instance("c", 'a')}};
    std::map<std::string, InstanceSpec> after{{"b", instance("b", 'b')}, {"c", instance("c", 'a')}, {"d", instance("d", 'a')}};
    auto found = difference(before, after);
    ASSERT_EQ(found.size(), 4u);
    EXPECT_EQ(found[0].change, Change::removed);
    EXPECT_EQ(found[1].change, Change::changed);
    EXPECT_TRUE(found[1].restarts);
    EXPECT_EQ(found[1].aspects.at(0).what, "closure");
    EXPECT_EQ(found[2].change, Change::unchanged);
    EXPECT_EQ(found[3].change, Change::added);
    EXPECT_FALSE(is_empty(found));
    EXPECT_TRUE(is_empty(difference(after, after)));
}

TEST(Difference, tells_each_aspect_with_both_values) {
    nlohmann::json old_meta = {{"size", "xs"}, {"expose", {{"http", 80}}}, {"storage", {{"data", "64Mi"}}}};
    nlohmann::json new_meta = {{"size", "s"}, {"expose", {{"http", 81}}}, {"storage", {{"data", "128Mi"}, {"more", "32Mi"}}}};
    auto found = difference({{"a", instance("a", 'a', old_meta)}}, {{"a", instance("a", 'a', new_meta)}});
    std::string text = describe(found.at(0));
    for (const char *part : {"restarts", "size xs", "-> s (", "expose.http 80/", "-> 81/", "storage.data 64 MiB", "-> 128 MiB", "storage.more added: 32 MiB"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
    EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Difference, a_change_of_rollout_restarts_nothing) {
    auto found = difference({{"a", instance("a", 'a')}}, {{"a", instance("a", 'a', {{"rollout", "rolling"}})}});
    EXPECT_EQ(found.at(0).change, Change::changed);
    EXPECT_FALSE(found.at(0).restarts);
}

std::string refusal(const Quota &quota, const Use &use) {
    try {
        check_quota(quota, use, "shop");
        return "";
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), Code::limit);
        return failure.what();
    }
}

TEST(Quota, counts_machines_and_all_volumes_also_those_without_an_instance) {
    std::map<std::string, InstanceSpec> instances{{"a", instance("a", 'a', {{"size", "m"}, {"storage", {{"data", "64Mi"}}}})}, {"b", instance("b", 'a')}};
    Use use = use_of("ns", instances, {{"ns/a/data", 32u << 20}, {"ns/gone/data", 16u << 20}});
    EXPECT_EQ(use.instances, 2u);
    EXPECT_EQ(use.vcpus, 3u);
    EXPECT_EQ(use.memory, (2048ull + 512) << 20);
    EXPECT_EQ(use.disk, (64ull + 16) << 20);
}

TEST(Quota, at_the_limit_is_allowed_and_beyond_is_told_with_all_that_is_exceeded) {
    Quota quota;
    quota.instances = 2, quota.vcpus = 2, quota.memory = 1ull << 30, quota.disk = 0;
    EXPECT_EQ(refusal(quota, {2, 2, 1ull << 30, 0}), "");
    std::string text = refusal(quota, {3, 2, 2ull << 30, 1});
    for (const char *part : {"the quota of shop", "instances: 3 asked for, 2 allowed", "memory: 2 GiB asked for, 1 GiB allowed", "disk", "hoster"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
    EXPECT_EQ(text.find("vCPU"), std::string::npos);
}

TEST(Quota, sizes_that_overflow_are_over_the_limit) {
    Use use = use_of("ns", {}, {{"ns/a/x", UINT64_MAX}, {"ns/a/y", UINT64_MAX}});
    EXPECT_EQ(use.disk, UINT64_MAX);
}

}  // namespace
}  // namespace seed::model
