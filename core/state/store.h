// SQLite: what nobody else knows.  One writer, WAL, synchronous=FULL, numbered migrations.  Blocking, called from the core's
// thread: each commit is a fraction of a millisecond on an ordinary disk.
// All throw Failure: conflict for what contradicts the rest (a revision of an unknown repository, a namespace bound twice),
// limit when the disk is full, unavailable when another program holds the file.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace seed::state {

struct Flake {  // a repository that is planted (or only hosted: ns empty)
    std::string repository;
    std::string owner;         // "ssh-ed25519 AAAA..." of the key that made it
    std::string cid, ns;       // bound for ever
    std::string identity_key;  // PEM of the Ed25519 key the platform made when it planted by itself; empty otherwise
    int64_t created_ms = 0;
};
struct Revision {
    int64_t id = 0;
    std::string repository, commit, tree, pushed_by;
    std::string state;           // waiting, running, deployed, failed, superseded
    std::string stage, message;  // where and why it failed; empty otherwise
    int64_t created_ms = 0, finished_ms = 0;
    std::string generation;  // hash, once known
    std::string timings;     // JSON {"evaluate": ms, ...}
    // What changed the desired state: "push", "rollback" (somebody asked), "return" (the platform, because a push did not get ready).
    std::string kind = "push";
    std::string previous;    // hash of the generation that was wanted before; empty: none
};
struct Generation {
    std::string repository, hash;
    int64_t revision = 0;   // that made it first
    std::string instances;  // JSON object NAME -> model::to_json(spec)
    int64_t created_ms = 0;
    int64_t number = 0;     // 1, 2, 3 ... per repository, never given twice; put_generation() chooses it
    bool ready = false;     // all its instances were ready at least once
};
struct JournalEntry {
    int64_t id = 0;
    std::string repository, action, state;  // begun, done, failed
    std::string message;
    int64_t at_ms = 0;
};

class Store {
public:
    explicit Store(const std::string &path);  // creates, migrates; Failure when the schema is newer than this program
    ~Store();
    Store(const Store &) = delete;

    // For tests of what becomes of everything else: reading works, what writes throws, as on a full disk.
    void refuse_writes(bool refuse);

    // All that `changes` does in one commit, or nothing of it when it throws.  Inside another transaction it is part of that one.
    void transaction(const std::function<void()> &changes);

    std::optional<std::string> setting(const std::string &name) const;
    void set_setting(const std::string &name, const std::string &value);

    std::optional<Flake> flake(const std::string &repository) const;
    std::optional<Flake> flake_by_namespace(const std::string &ns) const;
    std::vector<Flake> flakes() const;
    size_t flakes_owned(const std::string &owner) const;
    bool add_flake(const Flake &flake);                // false: the repository exists already (first one wins)
    void remove_flake(const std::string &repository);  // only for a claim whose first push never arrived

    int64_t add_revision(const Revision &revision);
    void update_revision(const Revision &revision);  // by id
    std::optional<Revision> revision(int64_t id) const;
    std::optional<Revision> latest_revision(const std::string &repository) const;  // the last push; rollbacks do not count
    std::optional<Revision> latest_deployment(const std::string &repository) const;  // of any kind
    std::vector<Revision> revisions(const std::string &repository, int limit) const;  // newest first
    std::vector<Revision> unfinished_revisions() const;                               // waiting or running, oldest first
    void remove_revisions_before(const std::string &repository, int64_t id);  // finished ones that no generation came from

    void put_generation(const Generation &generation);  // counts as the one used last; known already: nothing else changes
    void set_generation_ready(const std::string &repository, const std::string &hash);
    int64_t last_generation_number(const std::string &repository) const;  // also of those removed since; 0: none yet
    std::optional<Generation> generation(const std::string &repository, const std::string &hash) const;
    std::vector<Generation> generations(const std::string &repository, int limit) const;  // used last first; -1: all
    std::optional<std::string> current_generation(const std::string &repository) const;   // the desired one: hash
    void set_current_generation(const std::string &repository,
                                const std::string &hash);  // must exist; with the revision: transaction()

    void remove_generation(const std::string &repository, const std::string &hash);  // Failure(conflict) for the desired one

    // Evaluation results by source tree and namespace; images by out path and namespace.
    std::optional<std::string> cached(const std::string &kind, const std::string &key) const;
    void cache(const std::string &kind, const std::string &key, const std::string &value);
    void forget_cached(const std::string &kind, const std::string &key);
    std::vector<std::string> cached_keys(const std::string &kind, const std::string &prefix) const;

    uint64_t restart_requests(const std::string &ns, const std::string &instance) const;
    uint64_t add_restart_request(const std::string &ns, const std::string &instance);

    int64_t journal_begin(const std::string &repository, const std::string &action);
    void journal_end(int64_t id, bool ok, const std::string &message);
    std::vector<JournalEntry> journal(const std::string &repository, int limit) const;  // newest first

    struct Impl;  // store.cpp

private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace seed::state
