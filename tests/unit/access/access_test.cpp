// Who belongs to a repository, and what it costs to know that of many.
#include "core/access/access.h"

#include <gtest/gtest.h>

#include <seed/util/failure.h>
#include <seed/git.hpp>
#include <boost/asio/post.hpp>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace seed::access {
namespace {

const std::string alice = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHqBMzJB3voP6acB2DdfTb+n3vL8yCvD2A1u+9v6rUHQ";
const std::string owner = "ssh-ed25519 somebody";

// Repositories in memory: one commit each, with or without .authorized_keys.
class FakeGit : public providers::Provider {
public:
    std::map<std::string, std::pair<std::string, std::string>> repositories;   // commit and keys, by name
    std::map<std::string, int> calls;
    int inside = 0, most = 0;

    Task<nlohmann::json> call(const Call &, std::string slot, nlohmann::json request, providers::CallOptions) override {
        ++calls[slot];
        most = std::max(most, ++inside);
        auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
        --inside;
        nlohmann::json reply = nlohmann::json::object();
        if (slot == "list") {
            git::ListReply list;
            for (const auto &[name, one] : repositories) list.repositories.push_back({name, "refs/heads/main", one.first, 0});
            reply = list;
        } else if (slot == "resolve") {
            git::ResolveReply at;
            at.commit = repositories.at(request.at("repository")).first;
            reply = at;
        } else if (slot == "read") {
            git::ReadReply file;
            file.found = true;
            file.content = repositories.at(request.at("repository")).second;
            reply = file;
        }
        co_return reply;
    }
    const providers::ProviderSettings &settings() const override { return settings_; }
    nlohmann::json describe() const override { return nlohmann::json::object(); }
    void shut_down() override {}

private:
    providers::ProviderSettings settings_;
};

struct Many_repositories : testing::Test {
    static constexpr int many = 400;
    std::filesystem::path folder = std::filesystem::temp_directory_path() / ("seed-access-" + std::to_string(getpid()));
    std::unique_ptr<state::Store> store;
    std::shared_ptr<FakeGit> git = std::make_shared<FakeGit>();
    Call call{"test", std::chrono::seconds(60)};

    void SetUp() override {
        std::filesystem::remove_all(folder);
        std::filesystem::create_directories(folder);
        store = std::make_unique<state::Store>((folder / "state.db").string());
        for (int n = 0; n < many; ++n) {
            std::string name = "r" + std::to_string(n);
            state::Flake flake;
            flake.repository = name;
            flake.owner = owner;
            flake.cid = "k51qzi5uqu5d" + name;
            flake.ns = "s-" + name;
            store->add_flake(flake);
            git->repositories[name] = {std::string(32, 'c') + std::to_string(10000000 + n), n % 100 == 0 ? alice + "\n" : ""};
        }
    }
    void TearDown() override {
        store.reset();
        std::filesystem::remove_all(folder);
    }
    // What the first questioner of a new life sees.
    std::vector<std::string> first_question(Access &access, bool learn = true) {
        asio::io_context context;
        std::vector<std::string> names;
        if (learn) asio::co_spawn(context, access.learn(), asio::detached);
        auto ask = [](Access &access, const Call &call, std::vector<std::string> &names) -> Task<void> {
            std::string who = alice;
            for (const auto &one : co_await access.memberships(call, who)) names.push_back(one.repository);
        };
        asio::co_spawn(context, ask(access, call, names), asio::detached);
        context.run();
        std::sort(names.begin(), names.end());
        return names;
    }
    const std::vector<std::string> hers = {"r0", "r100", "r200", "r300"};
};

TEST_F(Many_repositories, are_read_several_at_a_time_by_the_first_life) {
    Access access(*store, git);
    EXPECT_EQ(first_question(access), hers);
    EXPECT_GT(git->most, 4);
    EXPECT_LE(git->calls["read"], 2 * many);   // learn() and the question, at most
    int before = git->calls["read"];
    EXPECT_EQ(first_question(access, /*learn=*/false), hers);
    EXPECT_EQ(git->calls["read"], before);
}

TEST_F(Many_repositories, cost_a_later_life_one_question_for_all_of_them) {
    {
        Access access(*store, git);
        first_question(access);
    }
    git->calls.clear();
    Access later(*store, git);
    EXPECT_EQ(first_question(later), hers);
    EXPECT_EQ(git->calls, (std::map<std::string, int>{{"list", 1}}));
}

TEST_F(Many_repositories, whose_branch_has_moved_meanwhile_are_read_anew) {
    {
        Access access(*store, git);
        first_question(access);
    }
    git->calls.clear();
    git->repositories["r100"] = {std::string(40, 'd'), ""};          // she is no longer there
    git->repositories["r7"] = {std::string(40, 'e'), alice + "\n"};  // but here
    Access later(*store, git);
    EXPECT_EQ(first_question(later), (std::vector<std::string>{"r0", "r200", "r300", "r7"}));
    EXPECT_LE(git->calls["read"], 4);
    EXPECT_GE(git->calls["read"], 2);
}

TEST_F(Many_repositories, a_push_during_the_start_counts) {
    {
        Access access(*store, git);
        first_question(access);
    }
    Access later(*store, git);
    asio::io_context context;
    asio::co_spawn(context, later.learn(), asio::detached);
    context.run_one();   // it has asked for the list
    git->repositories["r100"] = {std::string(40, 'd'), ""};
    later.forget("r100");
    context.run();
    EXPECT_EQ(first_question(later, /*learn=*/false), (std::vector<std::string>{"r0", "r200", "r300"}));
}

TEST_F(Many_repositories, of_which_one_is_gone_leave_nothing_kept_of_it) {
    {
        Access access(*store, git);
        first_question(access);
    }
    store->remove_flake("r3");
    git->repositories.erase("r3");
    Access later(*store, git);
    first_question(later);
    EXPECT_EQ(store->cached_keys("authorized_keys", "").size(), size_t(many - 1));
}

}  // namespace
}  // namespace seed::access
