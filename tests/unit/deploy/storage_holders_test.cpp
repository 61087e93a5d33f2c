// Changing the configuration of storage loses no volume: who is who afterwards.
#include "core/deploy/storage_holders.h"

#include <gtest/gtest.h>

using namespace seed::deploy;
using seed::providers::json;

namespace {

StorageHolder configured(const std::string &plugin, json config = json::object()) { return {plugin, "", std::move(config)}; }
StorageHolder known(const std::string &plugin, const std::string &folder, std::set<std::string> volumes, json config = json::object()) {
    StorageHolder one{plugin, folder, std::move(config)};
    one.volumes = std::move(volumes);
    return one;
}

TEST(StorageHolders, the_first_ever_has_the_folder_storage) {
    auto result = match_storage_holders({configured("a")}, {});
    ASSERT_EQ(result.size(), 1u);
    EXPECT_EQ(result[0].folder, "storage");
    EXPECT_FALSE(result[0].changed);
}

TEST(StorageHolders, another_plugin_gets_its_own_folder_and_the_former_stays_behind_it) {
    auto result = match_storage_holders({configured("b")}, {known("a", "storage", {"s/i/v"})});
    ASSERT_EQ(result.size(), 2u);
    EXPECT_EQ(result[0].plugin, "b");
    EXPECT_EQ(result[0].folder, "storage-2");
    EXPECT_EQ(result[1].plugin, "a");
    EXPECT_EQ(result[1].folder, "storage");
    EXPECT_FALSE(result[1].configured);
    EXPECT_EQ(result[1].volumes, std::set<std::string>{"s/i/v"});
}

TEST(StorageHolders, going_back_finds_the_folder_again) {
    auto result = match_storage_holders({configured("a")}, {known("b", "storage-2", {}), known("a", "storage", {"s/i/v"})});
    EXPECT_EQ(result[0].folder, "storage");
    EXPECT_EQ(result[1].folder, "storage-2");
}

TEST(StorageHolders, the_same_plugin_twice_is_told_apart_by_its_configuration) {
    json here = {{"path", "/here"}}, there = {{"path", "/there"}};
    auto result = match_storage_holders({configured("a", there), configured("a", here)}, {known("a", "storage", {"s/i/v"}, here)});
    ASSERT_EQ(result.size(), 2u);
    EXPECT_EQ(result[0].folder, "storage-2");
    EXPECT_FALSE(result[0].changed);
    EXPECT_EQ(result[1].folder, "storage");
    EXPECT_FALSE(result[1].changed);
    EXPECT_TRUE(result[1].configured);
}

TEST(StorageHolders, another_configuration_alone_is_the_same_holder_changed) {
    auto result = match_storage_holders({configured("a", {{"path", "/there"}})}, {known("a", "storage", {"s/i/v"}, {{"path", "/here"}})});
    ASSERT_EQ(result.size(), 1u);
    EXPECT_EQ(result[0].folder, "storage");
    EXPECT_TRUE(result[0].changed);
    EXPECT_EQ(result[0].volumes, std::set<std::string>{"s/i/v"});
    EXPECT_EQ(result[0].config, (json{{"path", "/there"}}));
}

TEST(StorageHolders, are_kept_in_the_state) {
    seed::state::Store store(":memory:");
    EXPECT_TRUE(read_storage_holders(store).empty());
    write_storage_holders(store, {known("a", "storage-2", {"s/i/v", "s/i/w"}, {{"path", "/x"}})});
    auto back = read_storage_holders(store);
    ASSERT_EQ(back.size(), 1u);
    EXPECT_EQ(back[0].plugin, "a");
    EXPECT_EQ(back[0].folder, "storage-2");
    EXPECT_EQ(back[0].config, (json{{"path", "/x"}}));
    EXPECT_EQ(back[0].volumes.size(), 2u);
}

}  // namespace
