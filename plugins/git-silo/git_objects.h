// Reading (and, for HEAD, changing) repositories with libgit2.  Every function opens the repository anew: no state, any thread.
//
// All content is hostile: sizes are looked at before anything is loaded.
#pragma once
#include <git2.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <seed/git.hpp>
#include <string>
#include <vector>

namespace seed::silo {

template <auto Free>
struct GitDeleter {
    template <typename T>
    void operator()(T *object) const {
        Free(object);
    }
};
using RepositoryHandle = std::unique_ptr<git_repository, GitDeleter<git_repository_free>>;
using CommitHandle = std::unique_ptr<git_commit, GitDeleter<git_commit_free>>;
using TreeHandle = std::unique_ptr<git_tree, GitDeleter<git_tree_free>>;
using TreeEntryHandle = std::unique_ptr<git_tree_entry, GitDeleter<git_tree_entry_free>>;
using BlobHandle = std::unique_ptr<git_blob, GitDeleter<git_blob_free>>;
using ReferenceHandle = std::unique_ptr<git_reference, GitDeleter<git_reference_free>>;
using OdbHandle = std::unique_ptr<git_odb, GitDeleter<git_odb_free>>;

void prepare_libgit2();                               // once per process; no configuration outside repositories is read
[[noreturn]] void fail_git(const std::string &what);  // with libgit2's last error
void init_bare(const std::filesystem::path &path);    // HEAD names refs/heads/main; no hooks folder
// `quarantine`: folder below objects/ whose objects count, too, while git decides about a push; empty: none.
RepositoryHandle open_repository(const std::filesystem::path &path, const std::string &quarantine = {});
bool is_quarantine(const std::filesystem::path &path, const std::string &quarantine);  // a plain name, and it is there
std::string hex(const git_oid &id);
git_oid parse_id(const std::string &text);                                    // Failure(invalid) unless 40 hex digits
CommitHandle find_commit(git_repository *repository, const std::string &id);  // Failure(not_found)
// Type and size without loading.  Failure(invalid) when it is missing: the repository is damaged.
struct ObjectHeader {
    size_t size;
    git_object_t type;
};
ObjectHeader header_of(git_odb *odb, const git_oid &id);

struct Head {
    std::string branch, commit;  // empty: no commit yet
};
Head head_of(const std::filesystem::path &repository);
git::ResolveReply resolve(const std::filesystem::path &repository, const std::string &ref, const std::string &quarantine = {});
git::ReadReply read_text(const std::filesystem::path &repository, const git::ReadRequest &request);
// What `ref` holds now: 40 hex digits, 40 zeros when it does not exist.
std::string ref_value(git_repository *repository, const std::string &ref);
size_t count_refs(const std::filesystem::path &repository, size_t enough);  // stops counting at `enough`
// After a first push to something else than main: HEAD goes to main, master, or the first of `candidates` that exists.
void settle_head(const std::filesystem::path &repository, const std::vector<git::RefUpdate> &updates);

}  // namespace seed::silo
