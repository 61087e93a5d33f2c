// The provider's operations on real repositories; trees that no ordinary git would make are written object by object.
#include <gtest/gtest.h>

#include <seed/util/file.h>
#include <seed/util/process.h>
#include <seed/util/text.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "plugins/git-silo/git_objects.h"
#include "plugins/git-silo/silo.h"

using namespace seed;
using namespace seed::silo;
namespace fs = std::filesystem;

namespace {

seed_text text(const std::string &s) {
    return {s.data(), s.size()};
}

class Bed : public testing::Test {
protected:
    TemporaryDirectory root{fs::temp_directory_path(), "seed-silo-"};
    std::string state = root.path() / "state", id = "call";
    seed_host c_host{};
    UniqueFd cancel{::eventfd(0, EFD_CLOEXEC)};
    std::unique_ptr<plugin::Host> host;
    std::unique_ptr<Silo> silo;

    void SetUp() override {
        make_directory(state, 0700);
        c_host.size = sizeof c_host;
        c_host.reply = [](const seed_call *, seed_text) {};
        c_host.log = [](const seed_host *, seed_level, seed_text) {};
        c_host.state_dir = text(state);
        host = std::make_unique<plugin::Host>(&c_host);
        silo = std::make_unique<Silo>(*host, json{{"hook", SEED_BUILD_DIR "/bin/seed-hook"}});
    }

    template <typename Work>
    auto with_call(Work work, std::vector<int> descriptors = {}, int seconds = 300) {
        seed_call call{};
        call.size = sizeof call;
        call.id = call.request_id = text(id);
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        call.deadline_ns = (now.tv_sec + seconds) * 1000000000ll;
        call.cancel_fd = cancel.get();
        call.fd_count = uint32_t(descriptors.size());
        call.fds = descriptors.data();
        plugin::Call typed(&c_host, &call);
        return work(typed);
    }
    void create(const std::string &name) {
        with_call([&](auto &call) {
            silo->create(call, {name});
            return 0;
        });
    }
    std::string repository(const std::string &name) const { return state + "/repositories/" + name + ".git"; }

    std::string git(std::vector<std::string> arguments, std::string_view input = {}) {
        arguments.insert(arguments.begin(), "/usr/bin/git");
        SpawnOptions options;
        options.arguments = arguments;
        options.environment = {"PATH=/usr/bin",
                               "HOME=/nonexistent",
                               "GIT_CONFIG_NOSYSTEM=1",
                               "GIT_AUTHOR_NAME=a",
                               "GIT_AUTHOR_EMAIL=a@b",
                               "GIT_COMMITTER_NAME=a",
                               "GIT_COMMITTER_EMAIL=a@b",
                               "GIT_AUTHOR_DATE=1700000000 +0000",
                               "GIT_COMMITTER_DATE=1700000000 +0000"};
        auto result = seed::run(options, std::chrono::minutes(2), 1u << 20, input);
        EXPECT_TRUE(result.status.ok()) << result.err;
        return std::string(trim(result.out));
    }
    std::string blob(const std::string &name, std::string_view content) {
        return git({"-C", repository(name), "hash-object", "-w", "--stdin"}, content);
    }
    struct Entry {
        std::string mode, path, id;
    };
    // Written raw: mktree would refuse what we want to see refused.
    std::string tree(const std::string &name, const std::vector<Entry> &entries) {
        std::string raw;
        for (auto &entry : entries) {
            raw += entry.mode + " " + entry.path + '\0';
            for (size_t i = 0; i < 40; i += 2) raw += char(std::stoi(entry.id.substr(i, 2), nullptr, 16));
        }
        return git({"-C", repository(name), "hash-object", "-w", "-t", "tree", "--literally", "--stdin"}, raw);
    }
    std::string commit(const std::string &name, const std::string &tree) {
        std::string id = git({"-C", repository(name), "commit-tree", "-m", "x", tree});
        git({"-C", repository(name), "update-ref", "refs/heads/main", id});
        return id;
    }

    struct Fetched {
        git::FetchReply reply;
        std::string tar;
        Code code = Code::ok;
        std::string why;
    };
    Fetched fetch(const std::string &name, const std::string &commit, uint64_t limit = 1 << 30) {
        Pipe pipe = make_pipe();
        Fetched fetched;
        std::thread reader([&] { fetched.tar = read_all(pipe.read.get(), 1u << 30); });
        try {
            fetched.reply = with_call([&](auto &call) { return silo->fetch(call, {name, commit, limit}); }, {pipe.write.get()});
        } catch (const Failure &failure) {
            fetched.code = failure.code();
            fetched.why = failure.what();
        }
        pipe.write.reset();
        reader.join();
        return fetched;
    }
    // Two blocks of zeros end a tar archive; without them it was cut off (POSIX pax, "ustar Interchange Format").
    static bool is_whole(const std::string &tar) { return tar.ends_with(std::string(1024, '\0')); }
    std::string listing(const std::string &tar) {
        SpawnOptions options;
        options.arguments = {"/usr/bin/tar", "--quoting-style=literal", "--numeric-owner", "--full-time", "--utc", "-tv"};
        options.environment = {"LC_ALL=C.UTF-8", "PATH=/usr/bin", "TZ=UTC"};
        auto result = seed::run(options, std::chrono::minutes(2), 1u << 20, tar);
        EXPECT_TRUE(result.status.ok()) << result.err;
        return result.out;
    }
    Code code_of(const std::function<void(plugin::Call &)> &work) {
        try {
            with_call([&](auto &call) {
                work(call);
                return 0;
            });
        } catch (const Failure &failure) {
            return failure.code();
        }
        return Code::ok;
    }
};

using Silo_ = Bed;

}  // namespace

TEST_F(Silo_, MakingAndRemovingTwiceIsTheSameAsOnce) {
    create("app");
    create("app");
    auto list = with_call([&](auto &call) { return silo->list(call); });
    ASSERT_EQ(list.repositories.size(), 1u);
    EXPECT_EQ(list.repositories[0].name, "app");
    EXPECT_EQ(list.repositories[0].default_branch, "");
    EXPECT_EQ(code_of([&](auto &call) { silo->resolve(call, {"app", ""}); }), Code::not_found);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(code_of([&](auto &call) { silo->remove(call, {"app"}); }), Code::ok);
    EXPECT_TRUE(with_call([&](auto &call) { return silo->list(call); }).repositories.empty());
    EXPECT_EQ(code_of([&](auto &call) { silo->create(call, {"../app"}); }), Code::invalid);
    EXPECT_EQ(code_of([&](auto &call) { silo->resolve(call, {"nothing", ""}); }), Code::not_found);
}

TEST_F(Silo_, ResolvesBranchesTagsAndCommits) {
    create("app");
    std::string id = commit("app", tree("app", {{"100644", "a", blob("app", "x")}}));
    git({"-C", repository("app"), "tag", "-a", "-m", "t", "v1", id});
    auto resolve = [&](const std::string &ref) {
        return with_call([&](auto &call) { return silo->resolve(call, {"app", ref}); });
    };
    EXPECT_EQ(resolve("").commit, id);
    EXPECT_EQ(resolve("").ref, "refs/heads/main");
    EXPECT_EQ(resolve("refs/tags/v1").commit, id);
    EXPECT_EQ(resolve(id).tree.size(), 40u);
    for (std::string bad : {"HEAD~1", "main", "-x", "refs/heads/../x", "refs/heads/a b"})
        EXPECT_EQ(code_of([&](auto &call) { silo->resolve(call, {"app", bad}); }), Code::invalid) << bad;
    EXPECT_EQ(code_of([&](auto &call) { silo->resolve(call, {"app", "refs/heads/none"}); }), Code::not_found);
    EXPECT_EQ(code_of([&](auto &call) { silo->resolve(call, {"app", std::string(40, '1')}); }), Code::not_found);
}

TEST_F(Silo_, ReadsSmallTextFilesOnly) {
    create("app");
    std::string below = tree("app", {{"100644", "in", blob("app", "inner")}});
    std::string id = commit("app", tree("app", {{"100644", ".authorized_keys", blob("app", "ssh-ed25519 A\n")},
                                                {"100644", "binary", blob("app", "\xff\xfe")},
                                                {"120000", "link", blob("app", ".authorized_keys")},
                                                {"40000", "sub", below}}));
    auto read = [&](const std::string &path, uint64_t limit = 65536) {
        return with_call([&](auto &call) { return silo->read(call, {"app", id, path, limit}); });
    };
    EXPECT_EQ(read(".authorized_keys").content, "ssh-ed25519 A\n");
    EXPECT_EQ(read("sub/in").content, "inner");
    for (auto absent : {"none", "link", "sub", "sub/none", "binary/x"}) EXPECT_FALSE(read(absent).found) << absent;
    auto code = [&](const std::string &path, uint64_t limit = 65536) {
        return code_of([&](auto &call) { silo->read(call, {"app", id, path, limit}); });
    };
    EXPECT_EQ(code("binary"), Code::invalid);
    EXPECT_EQ(code("sub/in", 3), Code::limit);
    for (auto bad : {"", "/etc/passwd", "../x", "sub//in", "sub/./in"}) EXPECT_EQ(code(bad), Code::invalid) << bad;
}

TEST_F(Silo_, ATreeBecomesTheSameTarEachTime) {
    create("app");
    std::string long_name = std::string(120, 'n') + "ö", below = tree("app", {{"100755", "run", blob("app", "#!")}});
    std::string id = commit("app", tree("app", {{"100644", "a", blob("app", "hello")},
                                                {"160000", "module", std::string(40, '2')},
                                                {"100644", long_name, blob("app", "")},
                                                {"120000", "to", blob("app", "../out")},
                                                {"40000", "z", below}}));
    auto first = fetch("app", id), second = fetch("app", id);
    ASSERT_EQ(first.code, Code::ok) << first.why;
    EXPECT_EQ(sha256_hex(first.tar), sha256_hex(second.tar));
    EXPECT_TRUE(is_whole(first.tar));
    EXPECT_EQ(first.reply.files, 4u);
    EXPECT_EQ(first.reply.remarks, (std::vector<std::string>{"the submodule module is left out"}));
    std::string shown = listing(first.tar), time = " 2023-11-14 22:13:20 ";
    EXPECT_NE(shown.find("-rw-r--r-- 0/0               5" + time + "a\n"), shown.npos) << shown;
    EXPECT_NE(shown.find("-rwxr-xr-x 0/0               2" + time + "z/run\n"), shown.npos) << shown;
    EXPECT_NE(shown.find(time + "to -> ../out\n"), shown.npos) << shown;
    EXPECT_NE(shown.find(time + long_name + "\n"), shown.npos) << shown;
    EXPECT_NE(shown.find("drwxr-xr-x 0/0               0" + time + "z/\n"), shown.npos) << shown;
}

TEST_F(Silo_, PathsThatNoCheckoutMayHaveAreRefused) {
    create("app");
    std::string file = blob("app", "x");
    for (std::string bad : {"..", ".", ".git", ".GIT", "a/b", "/etc"}) {
        std::string id = commit("app", tree("app", {{"100644", bad, file}}));
        EXPECT_EQ(fetch("app", id).code, Code::invalid) << bad;
    }
}

TEST_F(Silo_, AnArchiveThatIsGivenUpHasNoEndByWhichItCouldPassForWhole) {
    create("app");
    std::string file = blob("app", "x");
    std::string id = commit("app", tree("app", {{"100644", "a", file}, {"100644", "b", file}, {"100644", "..", file}}));
    auto fetched = fetch("app", id);
    EXPECT_EQ(fetched.code, Code::invalid);
    EXPECT_FALSE(is_whole(fetched.tar)) << fetched.tar.size() << " bytes";
}

TEST_F(Silo_, ATreeThatUnfoldsWithoutEndHitsALimit) {
    create("app");
    std::string id = tree("app", {{"100644", "f", blob("app", "x")}});
    for (int depth = 0; depth < 12; ++depth) {
        std::vector<Entry> ten;
        for (char c = 'a'; c < 'a' + 10; ++c) ten.push_back({"40000", std::string(1, c), id});
        id = tree("app", ten);
    }
    auto fetched = fetch("app", commit("app", id), 64 << 20);
    EXPECT_EQ(fetched.code, Code::limit) << fetched.why;
    EXPECT_FALSE(is_whole(fetched.tar));
    std::string deep = tree("app", {{"100644", "f", blob("app", "x")}});
    for (int depth = 0; depth < 200; ++depth) deep = tree("app", {{"40000", "d", deep}});
    EXPECT_EQ(fetch("app", commit("app", deep)).code, Code::limit);
}

TEST_F(Silo_, ALargerTreeThanAllowedIsALimit) {
    create("app");
    std::string id = commit("app", tree("app", {{"100644", "f", blob("app", std::string(1 << 20, 'x'))}}));
    EXPECT_EQ(fetch("app", id, 1 << 20).code, Code::limit);
    EXPECT_EQ(fetch("app", id, (1 << 20) + 512).code, Code::ok);
}

TEST_F(Silo_, AMissingObjectIsAnErrorAndNoCrash) {
    create("app");
    EXPECT_EQ(fetch("app", commit("app", tree("app", {{"100644", "f", blob("app", "gone")}}))).code, Code::ok);
    std::string id = blob("app", "gone");
    fs::remove(repository("app") + "/objects/" + id.substr(0, 2) + "/" + id.substr(2));
    EXPECT_EQ(fetch("app", git({"-C", repository("app"), "rev-parse", "main"})).code, Code::invalid);
}

TEST_F(Silo_, AReaderThatLeavesAndACancellationEndTheArchive) {
    create("app");
    std::string id = commit("app", tree("app", {{"100644", "f", blob("app", std::string(4 << 20, 'x'))}}));
    Pipe pipe = make_pipe();
    pipe.read.reset();
    EXPECT_THROW(with_call([&](auto &call) { return silo->fetch(call, {"app", id, 1 << 30}); }, {pipe.write.get()}), Failure);
    Pipe unread = make_pipe();
    uint64_t one = 1;
    ASSERT_EQ(::write(cancel.get(), &one, sizeof one), ssize_t(sizeof one));
    try {
        with_call([&](auto &call) { return silo->fetch(call, {"app", id, 1 << 30}); }, {unread.write.get()});
        FAIL() << "not cancelled";
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), Code::cancelled);
    }
}

TEST_F(Silo_, LeftoversOfInterruptedWorkAreRemovedAtStart) {
    make_directory(state + "/repositories/.leftover-1234/objects");
    silo = std::make_unique<Silo>(*host, json{{"hook", SEED_BUILD_DIR "/bin/seed-hook"}});
    EXPECT_FALSE(fs::exists(state + "/repositories/.leftover-1234"));
    EXPECT_TRUE(with_call([&](auto &call) { return silo->check(call); }).ok);
}
