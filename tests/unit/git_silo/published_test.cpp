// The platform's own flake as a repository.
#include "plugins/git-silo/published.h"

#include <gtest/gtest.h>
#include <seed/util/failure.h>
#include <seed/util/file.h>

#include "plugins/git-silo/git_objects.h"

namespace seed::silo {
namespace {

namespace fs = std::filesystem;

class Published : public ::testing::Test {
protected:
    void SetUp() override {
        write("flake.nix", "inputs.seed.url = \"git+ssh://silo.example.org/seed.git\";\n");
        write("templates/instance/.gitignore", ".seed-identity-key\n");
    }
    void write(const std::string &name, const std::string &content) {
        fs::create_directories((folder() / name).parent_path());
        write_file_atomically(folder() / name, content, 0644);
    }
    fs::path folder() const { return directory_.path() / "flake"; }
    // A file of the newest commit; "(absent)" without one.
    std::string text(const std::string &name) const {
        git::ReadRequest request;
        request.repository = "seed";
        request.path = name;
        request.commit = head_of(repositories_.require("seed")).commit;
        git::ReadReply reply = read_text(repositories_.require("seed"), request);
        return reply.found ? reply.content : "(absent)";
    }
    TemporaryDirectory directory_{fs::temp_directory_path(), "seed-published-"};
    Repositories repositories_{directory_.path() / "repositories"};
};

TEST_F(Published, has_the_platforms_name_in_it_and_a_commit_only_when_something_changed) {
    std::string first = publish(repositories_, folder(), "silo.seed.test:2222");
    EXPECT_EQ(text("flake.nix"), "inputs.seed.url = \"git+ssh://silo.seed.test:2222/seed.git\";\n");
    EXPECT_EQ(text("templates/instance/.gitignore"), ".seed-identity-key\n");
    EXPECT_EQ(head_of(repositories_.require("seed")).branch, "refs/heads/main");
    EXPECT_EQ(resolve(repositories_.require("seed"), "refs/heads/master").commit, first);   // older Nix asks for it
    EXPECT_EQ(publish(repositories_, folder(), "silo.seed.test:2222"), first);
    write("new.nix", "1\n");
    std::string second = publish(repositories_, folder(), "silo.seed.test:2222");
    EXPECT_NE(second, first);
    EXPECT_EQ(text("new.nix"), "1\n");
    EXPECT_NE(publish(repositories_, folder(), "other.test"), second);   // the platform has another name now
}

TEST_F(Published, leaves_out_links_and_hidden_folders) {
    fs::create_symlink("/etc/passwd", folder() / "link");
    write(".git/config", "x");
    publish(repositories_, folder(), "");
    EXPECT_EQ(text("link"), "(absent)");
    EXPECT_EQ(text(".git/config"), "(absent)");
    EXPECT_EQ(text("flake.nix"), "inputs.seed.url = \"git+ssh://silo.example.org/seed.git\";\n");
}

TEST_F(Published, never_touches_a_repository_that_is_somebodys) {
    repositories_.create("seed");
    std::string theirs = publish(repositories_, folder(), "");   // empty: what an interrupted start left
    {
        // As if somebody had pushed it: the same repository without our mark.
        fs::path config = repositories_.require("seed") / "config";
        std::string content = read_file(config);
        write_file_atomically(config, content.substr(0, content.find("[seed]")), 0600);
    }
    write("new.nix", "1\n");
    try {
        publish(repositories_, folder(), "");
        FAIL() << "it was overwritten";
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), Code::conflict);
        EXPECT_NE(std::string(failure.what()).find("rename it"), std::string::npos);
    }
    EXPECT_EQ(head_of(repositories_.require("seed")).commit, theirs);
}

TEST_F(Published, refuses_a_folder_that_is_not_a_flakes) {
    write("large", std::string((1u << 20) + 1, 'x'));
    EXPECT_THROW(publish(repositories_, folder(), ""), Failure);
}

}  // namespace
}  // namespace seed::silo
