// Bodies of the contract "seed.git/0".  See docs/contracts/git.md; JSON member names are the C++ names.
#pragma once
#include <vector>

#include <seed/codec.hpp>

namespace seed::git {

struct CheckReply {
    bool ok = true;
    std::vector<std::string> remarks;
};
struct Repository {
    std::string name;            // "my-app"
    std::string default_branch;  // "refs/heads/main"; empty: no commit yet
    std::string head;            // commit id of the default branch; empty: none
    uint64_t size_bytes = 0;
};
struct ListReply {
    std::vector<Repository> repositories;
};
struct RepositoryRequest {
    std::string repository;
};
struct ResolveRequest {
    std::string repository;
    std::string ref;             // "refs/heads/main", a full commit id, or empty: the default branch
    std::string quarantine;      // of a proposed push: its objects count, too; empty: none
};
struct ResolveReply {
    std::string commit, tree;    // 40 hex digits
    std::string ref;             // the branch it came from, when one
};
struct ReadRequest {
    std::string repository, commit, path;
    uint64_t limit_bytes = 65536;   // a longer file is LIMIT
};
struct ReadReply {
    bool found = false;
    std::string content;         // UTF-8; other bytes are INVALID
};
// descriptor 0: where the tar stream goes.  Files 0644/0755, directories 0755, symlinks; owner 0; time of the commit.
// Submodules are left out and named in `remarks`.
struct FetchRequest {
    std::string repository, commit;
    uint64_t limit_bytes = 1ull << 30;   // LIMIT when the tree is larger
    std::string quarantine;              // as in ResolveRequest
};
struct FetchReply {
    std::string tree;
    uint64_t files = 0, bytes = 0;
    std::vector<std::string> remarks;
};
// One hosted conversation.  Descriptors: 0 from the client, 1 to the client, 2 messages to the client (stderr),
// 3 (receive-pack only) report: after the refs are updated, what can be read from it is shown to the pusher as `remote:`
// lines until its end, then the conversation ends.
// Stream items: {"updated": {...}} once, after the refs changed and before the report is read.  Last reply: ServeReply.
struct ServeRequest {
    std::string repository;
    std::string service;         // "upload-pack" or "receive-pack"
    std::string protocol;        // value of GIT_PROTOCOL, e.g. "version=2"; empty: none
    uint64_t pack_limit_bytes = 0;         // receive: larger packs are refused; 0: unlimited
    uint64_t repository_limit_bytes = 0;   // receive: refused when the repository is larger already; 0: unlimited
    // receive: the push options that are known, "NAME" or "NAME=SECONDS"; others are refused with this list.  Empty: any is passed on.
    std::vector<std::string> known_options;
    // receive: a push with this option changes nothing: {"proposed"} is told instead of {"updated"}, the report is shown, the push refused.
    std::string propose_option;
};
struct RefUpdate {
    std::string ref, old_commit, new_commit;   // 40 zeros: created or deleted
};
struct Updated {
    std::vector<RefUpdate> updates;
    std::string default_branch;               // after the push
    std::vector<std::string> push_options;
};
struct ServeItem {
    Updated updated;
};
// What a push with `propose_option` would have changed.  Its objects are in quarantine until the report ends.
struct Proposed {
    std::vector<RefUpdate> updates;
    std::string default_branch;               // as it is; empty: no commit yet
    std::vector<std::string> push_options;
    std::string quarantine;                   // for resolve and fetch; empty: the push brought no objects
};
struct ServeReply {
    int exit_code = 0;
};

SEED_JSON(CheckReply, ok, remarks)
SEED_JSON(Repository, name, default_branch, head, size_bytes)
SEED_JSON(ListReply, repositories)
SEED_JSON(RepositoryRequest, repository)
SEED_JSON(ResolveRequest, repository, ref, quarantine)
SEED_JSON(ResolveReply, commit, tree, ref)
SEED_JSON(ReadRequest, repository, commit, path, limit_bytes)
SEED_JSON(ReadReply, found, content)
SEED_JSON(FetchRequest, repository, commit, limit_bytes, quarantine)
SEED_JSON(FetchReply, tree, files, bytes, remarks)
SEED_JSON(ServeRequest, repository, service, protocol, pack_limit_bytes, repository_limit_bytes, known_options, propose_option)
SEED_JSON(RefUpdate, ref, old_commit, new_commit)
SEED_JSON(Updated, updates, default_branch, push_options)
SEED_JSON(ServeItem, updated)
SEED_JSON(Proposed, updates, default_branch, push_options, quarantine)
SEED_JSON(ServeReply, exit_code)

SEED_REQUIRED(RepositoryRequest, "repository")
SEED_REQUIRED(ResolveRequest, "repository")
SEED_REQUIRED(ReadRequest, "repository", "commit", "path")
SEED_REQUIRED(FetchRequest, "repository", "commit")
SEED_REQUIRED(ServeRequest, "repository", "service")

}  // namespace seed::git
