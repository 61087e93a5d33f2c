#include "published.h"

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include <algorithm>
#include <vector>

#include "git_objects.h"

namespace seed::silo {

namespace fs = std::filesystem;

namespace {

constexpr size_t most_files = 2000, most_bytes = 1u << 20;
constexpr const char *branch = "refs/heads/main", *mark = "seed.published";   // the mark is an entry of the repository's config

using TreeBuilderHandle = std::unique_ptr<git_treebuilder, GitDeleter<git_treebuilder_free>>;
using SignatureHandle = std::unique_ptr<git_signature, GitDeleter<git_signature_free>>;
using ConfigHandle = std::unique_ptr<git_config, GitDeleter<git_config_free>>;

ConfigHandle config_of(git_repository *repository) {
    git_config *config = nullptr;
    if (git_repository_config(&config, repository) != 0) fail_git("opening the configuration of the repository seed");
    return ConfigHandle(config);
}

std::string with_host(std::string text, const std::string &silo) {
    if (silo.empty()) return text;
    for (size_t at = 0; (at = text.find(example_host, at)) != text.npos; at += silo.size()) text.replace(at, example_host.size(), silo);
    return text;
}

git_oid add_folder(git_repository *repository, const fs::path &folder, const std::string &silo, size_t &files) {
    git_treebuilder *made = nullptr;
    if (git_treebuilder_new(&made, repository, nullptr) != 0) fail_git("making a tree");
    TreeBuilderHandle tree(made);
    std::vector<fs::directory_entry> entries;
    for (const auto &entry : fs::directory_iterator(folder)) entries.push_back(entry);
    for (const auto &entry : entries) {
        std::string name = entry.path().filename();
        git_oid id;
        git_filemode_t mode = GIT_FILEMODE_BLOB;
        if (entry.is_symlink()) continue;
        if (entry.is_directory()) {
            if (name.starts_with('.')) continue;
            size_t before = files;
            id = add_folder(repository, entry.path(), silo, files);
            if (files == before) continue;   // git knows no empty folders
            mode = GIT_FILEMODE_TREE;
        } else if (entry.is_regular_file()) {
            if (++files > most_files)
                throw Failure(Code::limit, folder.string() + " has more than " + std::to_string(most_files) + " files: is it the platform's flake?");
            std::string content = with_host(read_file(entry.path(), most_bytes), silo);
            if (git_blob_create_from_buffer(&id, repository, content.data(), content.size()) != 0) fail_git("storing " + entry.path().string());
            if ((entry.status().permissions() & fs::perms::owner_exec) != fs::perms::none) mode = GIT_FILEMODE_BLOB_EXECUTABLE;
        } else {
            continue;
        }
        if (git_treebuilder_insert(nullptr, tree.get(), name.c_str(), &id, mode) != 0) fail_git("adding " + entry.path().string());
    }
    git_oid id;
    if (git_treebuilder_write(&id, tree.get()) != 0) fail_git("storing a tree");
    return id;
}

}  // namespace

std::string publish(const Repositories &repositories, const fs::path &folder, const std::string &silo) {
    prepare_libgit2();
    std::string name(published_name);
    auto names = repositories.names();
    bool is_new = !std::binary_search(names.begin(), names.end(), name);
    if (is_new) repositories.create(name);
    fs::path path = repositories.require(name);
    RepositoryHandle repository = open_repository(path);
    ConfigHandle config = config_of(repository.get());
    Head head = head_of(path);
    int ours = 0;
    if (git_config_get_bool(&ours, config.get(), mark) != 0) ours = 0;
    // Without a commit it is what an interrupted start left.
    if (!ours && !head.commit.empty())
        throw Failure(Code::conflict, "the repository seed belongs to somebody, so the platform's own flake is not published: rename it");
    if (!ours && git_config_set_bool(config.get(), mark, 1) != 0) fail_git("marking the repository seed");

    // Nix before 2.9 asks for master when nobody names a branch.
    git_reference *alias = nullptr;
    if (git_reference_symbolic_create(&alias, repository.get(), "refs/heads/master", branch, 1, nullptr) != 0) fail_git("naming the branch master");
    ReferenceHandle named(alias);

    size_t files = 0;
    git_oid tree_id = add_folder(repository.get(), folder, silo, files);
    CommitHandle parent;
    if (!head.commit.empty()) {
        parent = find_commit(repository.get(), head.commit);
        if (git_oid_equal(git_commit_tree_id(parent.get()), &tree_id)) return head.commit;
    }
    git_tree *tree = nullptr;
    if (git_tree_lookup(&tree, repository.get(), &tree_id) != 0) fail_git("reading a tree");
    TreeHandle owned(tree);
    git_signature *signature = nullptr;
    if (git_signature_now(&signature, "Seed", "seed@seed.invalid") != 0) fail_git("signing");
    SignatureHandle who(signature);
    const git_commit *parents[] = {parent.get()};
    git_oid commit;
    if (git_commit_create(&commit, repository.get(), branch, who.get(), who.get(), nullptr, "the platform's flake, version " SEED_VERSION, tree,
                          parent ? 1 : 0, parents) != 0)
        fail_git("committing the platform's flake");
    return hex(commit);
}

}  // namespace seed::silo
