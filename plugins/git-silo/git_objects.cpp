#include "git_objects.h"

#include <git2/sys/repository.h>
#include <seed/util/failure.h>
#include <seed/util/text.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace seed::silo {

namespace fs = std::filesystem;

namespace {

constexpr size_t tree_limit = 64u << 20;  // one folder, as git stores it
const std::string zeros(40, '0');

bool is_utf8(const std::string &text) {
    try {
        (void)json(text).dump();  // strict: throws on anything else
        return true;
    } catch (const json::exception &) {
        return false;
    }
}

// "a/b/.c": relative, no empty, "." or ".." component.
void check_path(const std::string &path) {
    bool good = !path.empty() && path.size() <= 4096 && path.find('\0') == path.npos;
    for (auto &part : split(path, '/')) good = good && !part.empty() && part != "." && part != "..";
    if (!good) throw Failure(Code::invalid, "'" + printable(path, 200) + "' is not a path within a repository");
}

git::ResolveReply describe(git_repository *repository, const git_oid &id, std::string ref) {
    auto commit = find_commit(repository, hex(id));
    return {hex(id), hex(*git_commit_tree_id(commit.get())), std::move(ref)};
}

}  // namespace

void prepare_libgit2() {
    static const int once = [] {
        git_libgit2_init();
        for (int level : {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_PROGRAMDATA})
            git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
        git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);  // the folder is ours; a hoster may have copied it as another user
        git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, size_t(32u << 20));
        git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, size_t(256u << 20));
        git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, ssize_t(16u << 20));
        return 0;
    }();
    (void)once;
}

void fail_git(const std::string &what) {
    const git_error *error = git_error_last();
    throw Failure(Code::internal,
                  what + ": " + (error && error->message ? printable(error->message, 500) : "unknown error of libgit2"));
}

void init_bare(const fs::path &path) {
    prepare_libgit2();
    git_repository_init_options options = GIT_REPOSITORY_INIT_OPTIONS_INIT;
    options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH;
    options.initial_head = "main";
    git_repository *made = nullptr;
    if (git_repository_init_ext(&made, path.c_str(), &options) != 0) fail_git("making " + path.string());
    RepositoryHandle owned(made);
    std::error_code ignored;
    fs::remove_all(path / "hooks", ignored);  // none is ever run from here; do not invite to try
}

bool is_quarantine(const fs::path &path, const std::string &quarantine) {
    auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
    std::error_code ignored;
    return quarantine.starts_with("tmp_objdir-") && quarantine.size() <= 64 && std::all_of(quarantine.begin(), quarantine.end(), plain) &&
           fs::is_directory(fs::symlink_status(path / "objects" / quarantine, ignored));
}

RepositoryHandle open_repository(const fs::path &path, const std::string &quarantine) {
    git_repository *repository = nullptr;
    if (git_repository_open_bare(&repository, path.c_str()) != 0) fail_git("opening " + path.string());
    RepositoryHandle opened(repository);
    if (quarantine.empty()) return opened;
    if (!is_quarantine(path, quarantine)) throw Failure(Code::not_found, "the proposed push is over: push again");
    git_odb *odb = nullptr;
    if (git_repository_odb(&odb, repository) != 0) fail_git("opening the objects of " + path.string());
    OdbHandle owned(odb);
    if (git_odb_add_disk_alternate(odb, (path / "objects" / quarantine).c_str()) != 0) fail_git("opening the objects of the proposed push");
    return opened;
}

std::string hex(const git_oid &id) {
    char text[GIT_OID_HEXSZ + 1];
    return git_oid_tostr(text, sizeof text, &id);
}

git_oid parse_id(const std::string &text) {
    git_oid id;
    bool good = text.size() == 40 && text.find_first_not_of("0123456789abcdef") == text.npos;
    if (!good || git_oid_fromstr(&id, text.c_str()) != 0)
        throw Failure(Code::invalid, "'" + printable(text, 80) + "' is not a commit id: 40 hex digits are needed");
    return id;
}

ObjectHeader header_of(git_odb *odb, const git_oid &id) {
    ObjectHeader header{};
    if (git_odb_read_header(&header.size, &header.type, odb, &id) != 0)
        throw Failure(Code::invalid, "object " + hex(id) + " is missing or damaged");
    return header;
}

CommitHandle find_commit(git_repository *repository, const std::string &id) {
    git_oid oid = parse_id(id);
    git_odb *odb = nullptr;
    if (git_repository_odb(&odb, repository) != 0) fail_git("opening the objects");
    OdbHandle owned(odb);
    ObjectHeader header{};
    git_commit *commit = nullptr;
    bool there = git_odb_read_header(&header.size, &header.type, odb, &oid) == 0 && header.type == GIT_OBJECT_COMMIT &&
                 header.size <= tree_limit && git_commit_lookup(&commit, repository, &oid) == 0;
    if (!there) throw Failure(Code::not_found, "there is no commit " + id);
    return CommitHandle(commit);
}

std::string ref_value(git_repository *repository, const std::string &ref) {
    git_oid id;
    return git_reference_name_to_id(&id, repository, ref.c_str()) == 0 ? hex(id) : zeros;
}

Head head_of(const fs::path &path) {
    auto repository = open_repository(path);
    git_reference *head = nullptr;
    int result = git_repository_head(&head, repository.get());
    ReferenceHandle owned(head);
    if (result == GIT_EUNBORNBRANCH || result == GIT_ENOTFOUND) return {};
    if (result != 0) fail_git("reading HEAD of " + path.filename().string());
    return {git_reference_name(head), hex(*git_reference_target(head))};
}

git::ResolveReply resolve(const fs::path &path, const std::string &ref, const std::string &quarantine) {
    auto repository = open_repository(path, quarantine);
    if (ref.empty()) {
        Head head = head_of(path);
        if (head.commit.empty()) throw Failure(Code::not_found, "nothing has been pushed to " + path.stem().string() + " yet");
        return describe(repository.get(), parse_id(head.commit), head.branch);
    }
    if (ref.size() == 40 && ref.find_first_not_of("0123456789abcdef") == ref.npos)
        return describe(repository.get(), parse_id(ref), "");
    int valid = 0;
    if (git_reference_name_is_valid(&valid, ref.c_str()) != 0 || !valid || !ref.starts_with("refs/"))
        throw Failure(Code::invalid, "'" + printable(ref, 200) + "' is not a ref: give refs/heads/NAME or a full commit id");
    git_reference *found = nullptr;
    if (git_reference_lookup(&found, repository.get(), ref.c_str()) != 0)
        throw Failure(Code::not_found, "there is no " + printable(ref, 200));
    ReferenceHandle reference(found);
    git_object *object = nullptr;  // a tag is followed to its commit
    if (git_reference_peel(&object, found, GIT_OBJECT_COMMIT) != 0)
        throw Failure(Code::not_found, printable(ref, 200) + " names no commit");
    git_oid id = *git_object_id(object);
    git_object_free(object);
    return describe(repository.get(), id, ref);
}

git::ReadReply read_text(const fs::path &path, const git::ReadRequest &request) {
    check_path(request.path);
    auto repository = open_repository(path);
    auto commit = find_commit(repository.get(), request.commit);
    git_odb *odb = nullptr;
    if (git_repository_odb(&odb, repository.get()) != 0) fail_git("opening the objects");
    OdbHandle owned(odb);
    // Step by step, so that each folder's size is seen before it is loaded.
    git_oid id = *git_commit_tree_id(commit.get());
    auto parts = split(request.path, '/');
    for (size_t i = 0; i < parts.size(); ++i) {
        ObjectHeader header = header_of(odb, id);
        if (header.type != GIT_OBJECT_TREE) return {};
        if (header.size > tree_limit)
            throw Failure(Code::limit, "a folder on the way to " + printable(request.path, 200) + " is too large");
        git_tree *tree = nullptr;
        if (git_tree_lookup(&tree, repository.get(), &id) != 0) fail_git("reading a folder");
        TreeHandle tree_owned(tree);
        const git_tree_entry *entry = git_tree_entry_byname(tree, parts[i].c_str());
        if (!entry) return {};
        auto mode = git_tree_entry_filemode(entry);
        bool last = i + 1 == parts.size();
        // A symlink is not followed and is not a file: who asks for .authorized_keys wants the file itself.
        if (last ? mode != GIT_FILEMODE_BLOB && mode != GIT_FILEMODE_BLOB_EXECUTABLE : mode != GIT_FILEMODE_TREE) return {};
        id = *git_tree_entry_id(entry);
    }
    ObjectHeader header = header_of(odb, id);
    if (header.type != GIT_OBJECT_BLOB) return {};
    if (header.size > request.limit_bytes)
        throw Failure(Code::limit, printable(request.path, 200) + " is larger than " + format_size(request.limit_bytes));
    git_blob *blob = nullptr;
    if (git_blob_lookup(&blob, repository.get(), &id) != 0) fail_git("reading " + printable(request.path, 200));
    BlobHandle blob_owned(blob);
    git::ReadReply reply;
    reply.found = true;
    reply.content.assign(static_cast<const char *>(git_blob_rawcontent(blob)), size_t(git_blob_rawsize(blob)));
    if (!is_utf8(reply.content)) throw Failure(Code::invalid, printable(request.path, 200) + " is not UTF-8 text");
    return reply;
}

size_t count_refs(const fs::path &path, size_t enough) {
    auto repository = open_repository(path);
    git_reference_iterator *iterator = nullptr;
    if (git_reference_iterator_new(&iterator, repository.get()) != 0) fail_git("listing the refs");
    std::unique_ptr<git_reference_iterator, GitDeleter<git_reference_iterator_free>> owned(iterator);
    size_t count = 0;
    const char *name = nullptr;
    while (count < enough && git_reference_next_name(&name, iterator) == 0) ++count;
    return count;
}

void settle_head(const fs::path &path, const std::vector<git::RefUpdate> &updates) {
    if (!head_of(path).commit.empty()) return;
    auto repository = open_repository(path);
    std::vector<std::string> candidates = {"refs/heads/main", "refs/heads/master"};
    for (auto &update : updates)
        if (update.ref.starts_with("refs/heads/")) candidates.push_back(update.ref);
    for (auto &candidate : candidates) {
        if (ref_value(repository.get(), candidate) == zeros) continue;
        if (git_repository_set_head(repository.get(), candidate.c_str()) != 0) fail_git("setting HEAD");
        return;
    }
}

}  // namespace seed::silo
