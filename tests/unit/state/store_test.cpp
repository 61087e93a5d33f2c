#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include <seed/util/failure.h>
#include <seed/util/file.h>

#include "core/state/database.h"
#include "core/state/store.h"

using namespace seed;
using namespace seed::state;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

class StoreTest : public testing::Test {
protected:
    TemporaryDirectory folder{"/tmp"};
    std::string path = folder.path() / "seed.db";
};

Flake flake(const std::string &repository, const std::string &ns = "") {
    return {repository, "ssh-ed25519 AAAA", "cid", ns, "", 5};
}

Revision revision(const std::string &repository, const std::string &state = "waiting") {
    Revision result;
    result.repository = repository;
    result.commit = "c0ffee";
    result.state = state;
    result.timings = "{}";
    return result;
}

template <typename Action>
Code code_of(Action action) {
    try {
        action();
    } catch (const Failure &failure) {
        return failure.code();
    }
    return Code::ok;
}

}  // namespace

TEST_F(StoreTest, is_a_private_file) {
    umask(0);
    Store store(path);
    store.set_setting("a", "b");
    for (const auto &entry : std::filesystem::directory_iterator(folder.path())) {
        struct stat status {};
        stat(entry.path().c_str(), &status);
        EXPECT_EQ(status.st_mode & 07777, 0600u) << entry.path();
    }
}

TEST_F(StoreTest, keeps_everything_over_a_restart) {
    int64_t id = 0;
    {
        Store store(path);
        store.set_setting("prefix", "fd00::/48");
        store.set_setting("prefix", "fd01::/48");
        EXPECT_TRUE(store.add_flake(flake("app", "s-one")));
        id = store.add_revision(revision("app"));
        store.put_generation({"app", "h1", id, "{\"web\":{}}", 7});
        store.set_current_generation("app", "h1");
        store.cache("eval", "key", std::string("a\0b", 3));
    }
    Store store(path);
    EXPECT_EQ(store.setting("prefix"), "fd01::/48");
    EXPECT_EQ(store.setting("none"), std::nullopt);
    EXPECT_EQ(store.flake("app")->created_ms, 5);
    EXPECT_EQ(store.flake_by_namespace("s-one")->repository, "app");
    EXPECT_FALSE(store.flake_by_namespace(""));
    EXPECT_EQ(store.revision(id)->commit, "c0ffee");
    EXPECT_EQ(store.generation("app", "h1")->instances, "{\"web\":{}}");
    EXPECT_EQ(store.current_generation("app"), "h1");
    EXPECT_EQ(store.cached("eval", "key"), std::string("a\0b", 3));
    store.forget_cached("eval", "key");
    EXPECT_EQ(store.cached("eval", "key"), std::nullopt);
}

TEST_F(StoreTest, gives_a_repository_to_the_first_and_a_namespace_only_once) {
    Store store(path);
    EXPECT_TRUE(store.add_flake(flake("app", "s-one")));
    EXPECT_FALSE(store.add_flake(flake("app", "s-two")));
    EXPECT_EQ(store.flake("app")->ns, "s-one");
    EXPECT_EQ(code_of([&] { store.add_flake(flake("other", "s-one")); }), Code::conflict);
    EXPECT_TRUE(store.add_flake(flake("hosted")));
    EXPECT_TRUE(store.add_flake(flake("hosted-too"))) << "an empty namespace is no namespace";
    EXPECT_EQ(store.flakes().size(), 3u);
    store.remove_flake("hosted");
    EXPECT_FALSE(store.flake("hosted"));
}

TEST_F(StoreTest, refuses_what_contradicts_the_rest) {
    Store store(path);
    EXPECT_EQ(code_of([&] { store.add_revision(revision("unknown")); }), Code::conflict);
    store.add_flake(flake("app"));
    EXPECT_EQ(code_of([&] { store.add_revision(revision("app", "nonsense")); }), Code::conflict);
    EXPECT_EQ(code_of([&] { store.set_current_generation("app", "never made"); }), Code::conflict);
    Revision absent = revision("app");
    absent.id = 99;
    EXPECT_EQ(code_of([&] { store.update_revision(absent); }), Code::not_found);
    store.add_revision(revision("app"));
    EXPECT_EQ(code_of([&] { store.remove_flake("app"); }), Code::conflict) << "it has been pushed to";
}

TEST_F(StoreTest, lists_revisions_newest_first_and_unfinished_ones_oldest_first) {
    Store store(path);
    store.add_flake(flake("a"));
    store.add_flake(flake("b"));
    int64_t first = store.add_revision(revision("a")), second = store.add_revision(revision("b", "running")),
            third = store.add_revision(revision("a"));
    Revision done = *store.revision(first);
    done.state = "failed";
    done.stage = "build";
    done.message = "no";
    done.finished_ms = 9;
    store.update_revision(done);
    auto ids = [](const std::vector<Revision> &list) {
        std::vector<int64_t> result;
        for (const Revision &r : list) result.push_back(r.id);
        return result;
    };
    EXPECT_THAT(ids(store.revisions("a", 10)), ElementsAre(third, first));
    EXPECT_THAT(ids(store.revisions("a", 1)), ElementsAre(third));
    EXPECT_THAT(ids(store.unfinished_revisions()), ElementsAre(second, third));
    EXPECT_EQ(store.latest_revision("a")->id, third);
    EXPECT_EQ(store.revision(first)->stage, "build");
    EXPECT_FALSE(store.latest_revision("none"));
}

TEST_F(StoreTest, counts_a_generation_that_comes_back_as_newest) {
    Store store(path);
    store.add_flake(flake("a"));
    store.put_generation({"a", "one", 1, "{}", 1});
    store.put_generation({"a", "two", 2, "{}", 2});
    store.put_generation({"a", "one", 3, "{}", 3});
    std::vector<Generation> list = store.generations("a", 10);
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0].hash, "one");
    EXPECT_EQ(list[0].revision, 1) << "the revision that made it first stays";
    store.set_current_generation("a", "two");
    EXPECT_EQ(code_of([&] { store.remove_generation("a", "two"); }), Code::conflict);
    store.remove_generation("a", "one");
    EXPECT_FALSE(store.generation("a", "one"));
}

TEST_F(StoreTest, counts_restart_requests_and_keeps_a_journal) {
    Store store(path);
    EXPECT_EQ(store.restart_requests("s", "web"), 0u);
    EXPECT_EQ(store.add_restart_request("s", "web"), 1u);
    EXPECT_EQ(store.add_restart_request("s", "web"), 2u);
    EXPECT_EQ(store.restart_requests("s", "web"), 2u);
    EXPECT_EQ(store.restart_requests("s", "db"), 0u);
    int64_t id = store.journal_begin("a", "boot web");
    store.journal_begin("a", "release web");
    store.journal_end(id, false, "no memory");
    std::vector<JournalEntry> journal = store.journal("a", 10);
    ASSERT_EQ(journal.size(), 2u);
    EXPECT_EQ(journal[0].state, "begun");
    EXPECT_EQ(journal[1].state, "failed");
    EXPECT_EQ(journal[1].message, "no memory");
}

TEST_F(StoreTest, waits_for_the_disk_except_for_what_is_said_to_be_a_diary) {
    Database database(path);
    auto level = [&] {   // https://sqlite.org/pragma.html#pragma_synchronous: 1 NORMAL, 2 FULL
        Query query = database.query("PRAGMA synchronous");
        EXPECT_TRUE(query.step());
        return query.number(0);
    };
    int depth = 0;
    EXPECT_EQ(level(), 2);
    {
        WithoutWaiting diary(database, depth);
        EXPECT_EQ(level(), 1);
        Transaction transaction(database, depth);
        {
            WithoutWaiting inner(database, depth);   // the outer one rules
            EXPECT_EQ(level(), 1);
        }
        transaction.commit();
    }
    EXPECT_EQ(level(), 2);
    Transaction transaction(database, depth);
    {
        WithoutWaiting diary(database, depth);
        EXPECT_EQ(level(), 2) << "a transaction that waits goes on to wait";
    }
    transaction.commit();
    EXPECT_EQ(level(), 2);
}

TEST_F(StoreTest, forgets_the_oldest_journal_entries) {
    Store store(path);
    store.transaction([&] {
        for (int n = 0; n < 1005; ++n) store.journal_begin("a", std::to_string(n));
        store.journal_begin("b", "other");
    });
    std::vector<JournalEntry> journal = store.journal("a", 5000);
    ASSERT_EQ(journal.size(), 1000u);
    EXPECT_EQ(journal.back().action, "5");
    EXPECT_EQ(store.journal("b", 10).size(), 1u);
}

TEST_F(StoreTest, undoes_a_transaction_that_throws) {
    Store store(path);
    store.add_flake(flake("a"));
    EXPECT_EQ(code_of([&] {
                  store.transaction([&] {
                      store.set_setting("x", "1");
                      store.transaction([&] { store.set_setting("y", "1"); });
                      store.add_revision(revision("unknown"));
                  });
              }),
              Code::conflict);
    EXPECT_FALSE(store.setting("x"));
    EXPECT_FALSE(store.setting("y"));
    store.transaction([&] { store.set_setting("x", "2"); });
    EXPECT_EQ(store.setting("x"), "2");
}

TEST_F(StoreTest, refuses_a_schema_that_is_newer) {
    { Store store(path); }
    {
        Database database(path);
        database.execute("PRAGMA user_version = 1000");
    }
    try {
        Store store(path);
        FAIL();
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), Code::conflict);
        EXPECT_THAT(failure.what(), HasSubstr("has schema 1000, this program knows up to 2; run the newer Seed that wrote it"));
    }
}

TEST_F(StoreTest, says_so_when_the_file_is_no_database) {
    write_file(path, std::string(5000, 'x'));
    EXPECT_EQ(code_of([&] { Store store(path); }), Code::internal);
    EXPECT_EQ(code_of([&] { Store store(folder.path() / "none/seed.db"); }), Code::not_found);
}

TEST_F(StoreTest, loses_no_committed_row_when_the_writer_is_killed) {
    std::mt19937 random(20261121);
    int64_t confirmed = 0;
    {
        Store store(path);
        store.add_flake(flake("app"));
    }
    for (int round = 0; round < 15; ++round) {
        Pipe told = make_pipe();
        pid_t writer = fork();
        if (writer == 0) {
            told.read.reset();
            try {
                Store store(path);
                for (;;) {
                    int64_t id = 0;
                    store.transaction([&] {  // two rows that belong together
                        id = store.add_revision(revision("app"));
                        store.set_setting("last", std::to_string(id));
                    });
                    write_all(told.write.get(), std::string(reinterpret_cast<char *>(&id), sizeof id));
                }
            } catch (const std::exception &) {
            }
            _exit(1);
        }
        told.write.reset();
        auto rows = static_cast<int>(random() % 40) + 1;
        for (int n = 0; n < rows; ++n)
            ASSERT_EQ(read(told.read.get(), &confirmed, sizeof confirmed), static_cast<ssize_t>(sizeof confirmed));
        for (unsigned spin = random() % 200000; spin > 0; --spin) asm volatile("");  // anywhere within the next commit
        kill(writer, SIGKILL);
        waitpid(writer, nullptr, 0);
        std::string rest = read_all(told.read.get());
        if (rest.size() >= sizeof confirmed)
            memcpy(&confirmed, rest.data() + rest.size() / sizeof confirmed * sizeof confirmed - sizeof confirmed,
                   sizeof confirmed);

        Store store(path);
        int64_t last = store.latest_revision("app")->id;
        EXPECT_GE(last, confirmed);
        EXPECT_LE(last, confirmed + 1) << "at most the one that was not told yet";
        EXPECT_EQ(store.setting("last"), std::to_string(last)) << "half a transaction";
        EXPECT_EQ(store.revisions("app", 1 << 20).size(), static_cast<size_t>(last));
        confirmed = last;
    }
}
