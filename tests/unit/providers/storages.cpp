// Several storage providers as one: who makes, who keeps.
#include <seed/util/failure.h>

#include "core/providers/storages.h"
#include "fixture.h"

namespace seed::providers {
namespace {

class SeveralStorages : public ProviderTest {
protected:
    std::shared_ptr<Provider> mock(const std::string &name, json config = json::object()) {
        auto one = settings("storage", "mock-storage", std::move(config));
        one.state_directory = (temporary_.path() / name).string();
        return open(one);
    }
    void make(const std::shared_ptr<Provider> &provider, const std::string &volume, uint64_t size = 1 << 20) {
        ask(provider, "create", {{"volume", volume}, {"size_bytes", size}});
    }
    std::vector<std::string> volumes(const std::shared_ptr<Provider> &provider) {
        std::vector<std::string> names;
        json reply = ask(provider, "list");
        for (const json &one : reply["volumes"]) names.push_back(one["volume"]);
        std::sort(names.begin(), names.end());
        return names;
    }
};

TEST_F(SeveralStorages, NewVolumesAreMadeByTheFirstAndOldOnesStayWhereTheyAre) {
    auto former = mock("former"), now = mock("now");
    make(former, "s-a/web/old");
    auto both = std::make_shared<Storages>(std::vector{now, former});
    make(both, "s-a/web/new");
    make(both, "s-a/web/old", 2 << 20);   // "find it as it was": grows there
    EXPECT_EQ(volumes(both), (std::vector<std::string>{"s-a/web/new", "s-a/web/old"}));
    EXPECT_EQ(volumes(now), std::vector<std::string>{"s-a/web/new"});
    EXPECT_EQ(volumes(former), std::vector<std::string>{"s-a/web/old"});
    std::string path = ask(both, "attach", {{"volume", "s-a/web/old"}})["path"];
    EXPECT_THAT(path, HasSubstr("/former/"));
    EXPECT_TRUE(both->is_kept_elsewhere("s-a/web/old"));
    EXPECT_THAT(both->place_of("s-a/web/old"), HasSubstr("mock-storage"));
    EXPECT_NE(both->place_of("s-a/web/old"), both->place_of("s-a/web/new"));
    ask(both, "resize", {{"volume", "s-a/web/old"}, {"size_bytes", 4 << 20}});
    EXPECT_EQ(ask(both, "usage", {{"volume", "s-a/web/old"}})["size_bytes"], 4 << 20);
    ask(both, "remove", {{"volume", "s-a/web/old"}, {"confirm", "s-a/web/old"}});
    EXPECT_TRUE(volumes(former).empty());
    make(both, "s-a/web/old");
    EXPECT_TRUE(volumes(former).empty()) << "made again, it is a new one";
    EXPECT_EQ(volumes(now).size(), 2u);
}

TEST_F(SeveralStorages, NothingIsMadeWhileOneOfThemCannotSayWhatItHas) {
    auto former = mock("former", {{"fail", {{"list", {{{"code", 6}, {"times", 1}}}}}}}), now = mock("now");
    auto both = std::make_shared<Storages>(std::vector{now, former});
    Failure failure = failure_of([&] { make(both, "s-a/web/data"); });
    EXPECT_EQ(failure.code(), Code::unavailable);
    EXPECT_THAT(failure.what(), HasSubstr("all storage providers"));
    EXPECT_TRUE(volumes(now).empty());
    make(both, "s-a/web/data");
    EXPECT_EQ(volumes(now).size(), 1u);
}

TEST_F(SeveralStorages, AVolumeThatTwoHaveIsThatOfTheFirst) {
    auto former = mock("former"), now = mock("now");
    make(former, "s-a/web/data", 2 << 20);
    make(now, "s-a/web/data", 1 << 20);
    auto both = std::make_shared<Storages>(std::vector{now, former});
    EXPECT_EQ(volumes(both).size(), 1u);
    EXPECT_EQ(ask(both, "usage", {{"volume", "s-a/web/data"}})["size_bytes"], 1 << 20);
}

TEST_F(SeveralStorages, OneAloneIsAskedAsItIs) {
    auto only = std::make_shared<Storages>(std::vector{mock("only")});
    make(only, "s-a/web/data");
    EXPECT_EQ(only->place_of("s-a/web/data"), "");
    EXPECT_TRUE(ask(only, "check")["ok"]);
}

}  // namespace
}  // namespace seed::providers
