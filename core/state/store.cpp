#include "core/state/store.h"

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/base/clock.h"
#include "core/state/database.h"
#include "core/state/migrations.h"

namespace seed::state {
namespace {

constexpr int64_t journal_kept = 1000;  // entries per repository

Flake flake_of(const Query &q) {
    return {q.text(0), q.text(1), q.text(2), q.text(3), q.text(4), q.number(5)};
}
#define FLAKE "SELECT repository, owner, cid, ns, identity_key, created_ms FROM flakes "

Revision revision_of(const Query &q) {
    return {q.number(0), q.text(1), q.text(2),   q.text(3),   q.text(4),  q.text(5),
            q.text(6),   q.text(7), q.number(8), q.number(9), q.text(10), q.text(11),  q.text(12), q.text(13)};
}
#define REVISION                                                                                                              \
    "SELECT id, repository, commit_id, tree, pushed_by, state, stage, message, created_ms, finished_ms, generation, timings, " \
    "kind, previous " \
    "FROM "                                                                                                                   \
    "revisions "

Generation generation_of(const Query &q) {
    return {q.text(0), q.text(1), q.number(2), q.text(3), q.number(4), q.number(5), q.number(6) != 0};
}
#define GENERATION "SELECT repository, hash, revision, instances, created_ms, made, ready FROM generations "

JournalEntry entry_of(const Query &q) {
    return {q.number(0), q.text(1), q.text(2), q.text(3), q.text(4), q.number(5)};
}

std::string text_of(const Query &q) {
    return q.text(0);
}

template <typename Value>
std::optional<Value> one(Query &query, Value (*read)(const Query &)) {
    if (!query.step()) return std::nullopt;
    return read(query);
}

template <typename Value>
std::vector<Value> all(Query &query, Value (*read)(const Query &)) {
    std::vector<Value> result;
    while (query.step()) result.push_back(read(query));
    return result;
}

}  // namespace

struct Store::Impl {
    Database database;
    int depth = 0;
    explicit Impl(const std::string &path) : database(path) { migrate(database, path); }
    Query query(const char *sql) { return database.query(sql); }
};

Store::Store(const std::string &path) : impl_(std::make_unique<Impl>(path)) {}
Store::~Store() = default;

void Store::refuse_writes(bool refuse) {
    impl_->database.execute(refuse ? "PRAGMA query_only = ON" : "PRAGMA query_only = OFF");
}

void Store::transaction(const std::function<void()> &changes) {
    Transaction transaction(impl_->database, impl_->depth);
    changes();
    transaction.commit();
}

std::optional<std::string> Store::setting(const std::string &name) const {
    Query q = impl_->query("SELECT value FROM settings WHERE name = ?");
    return one(q.bind(name), text_of);
}

void Store::set_setting(const std::string &name, const std::string &value) {
    impl_->query("INSERT INTO settings VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value")
        .bind(name)
        .bind(value)
        .run();
}

std::optional<Flake> Store::flake(const std::string &repository) const {
    Query q = impl_->query(FLAKE "WHERE repository = ?");
    return one(q.bind(repository), flake_of);
}

std::optional<Flake> Store::flake_by_namespace(const std::string &ns) const {
    if (ns.empty()) return std::nullopt;
    Query q = impl_->query(FLAKE "WHERE ns = ?");
    return one(q.bind(ns), flake_of);
}

std::vector<Flake> Store::flakes() const {
    Query q = impl_->query(FLAKE "ORDER BY repository");
    return all(q, flake_of);
}

size_t Store::flakes_owned(const std::string &owner) const {
    Query q = impl_->query("SELECT count(*) FROM flakes WHERE owner = ?");
    q.bind(owner).step();
    return size_t(q.number(0));
}

bool Store::add_flake(const Flake &f) {
    Query q = impl_->query(
        "INSERT INTO flakes (repository, owner, cid, ns, identity_key, created_ms) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (repository) DO NOTHING");
    q.bind(f.repository).bind(f.owner).bind(f.cid).bind(f.ns).bind(f.identity_key).bind(f.created_ms).run();
    return impl_->database.changes() > 0;
}

void Store::remove_flake(const std::string &repository) {
    impl_->query("DELETE FROM flakes WHERE repository = ?").bind(repository).run();
}

int64_t Store::add_revision(const Revision &r) {
    Query q = impl_->query(
        "INSERT INTO revisions (repository, commit_id, tree, pushed_by, state, stage, message, created_ms, finished_ms, "
        "generation, "
        "timings, kind, previous) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    q.bind(r.repository).bind(r.commit).bind(r.tree).bind(r.pushed_by).bind(r.state).bind(r.stage).bind(r.message);
    q.bind(r.created_ms).bind(r.finished_ms).bind(r.generation).bind(r.timings).bind(r.kind).bind(r.previous).run();
    return impl_->database.last_id();
}

void Store::update_revision(const Revision &r) {
    Query q = impl_->query(
        "UPDATE revisions SET repository = ?, commit_id = ?, tree = ?, pushed_by = ?, state = ?, stage = ?, message = ?, "
        "created_ms = ?, "
        "finished_ms = ?, generation = ?, timings = ?, kind = ?, previous = ? WHERE id = ?");
    q.bind(r.repository).bind(r.commit).bind(r.tree).bind(r.pushed_by).bind(r.state).bind(r.stage).bind(r.message);
    q.bind(r.created_ms).bind(r.finished_ms).bind(r.generation).bind(r.timings).bind(r.kind).bind(r.previous).bind(r.id).run();
    if (impl_->database.changes() == 0) throw Failure(Code::not_found, "there is no revision " + std::to_string(r.id));
}

std::optional<Revision> Store::revision(int64_t id) const {
    Query q = impl_->query(REVISION "WHERE id = ?");
    return one(q.bind(id), revision_of);
}

std::optional<Revision> Store::latest_revision(const std::string &repository) const {
    Query q = impl_->query(REVISION "WHERE repository = ? AND kind = 'push' ORDER BY id DESC LIMIT 1");
    return one(q.bind(repository), revision_of);
}

std::optional<Revision> Store::latest_deployment(const std::string &repository) const {
    Query q = impl_->query(REVISION "WHERE repository = ? ORDER BY id DESC LIMIT 1");
    return one(q.bind(repository), revision_of);
}

std::vector<Revision> Store::revisions(const std::string &repository, int limit) const {
    Query q = impl_->query(REVISION "WHERE repository = ? ORDER BY id DESC LIMIT ?");
    return all(q.bind(repository).bind(limit), revision_of);
}

std::vector<Revision> Store::unfinished_revisions() const {
    Query q = impl_->query(REVISION "WHERE state IN ('waiting', 'running') ORDER BY id");
    return all(q, revision_of);
}

void Store::remove_revisions_before(const std::string &repository, int64_t id) {
    Query q = impl_->query(
        "DELETE FROM revisions WHERE repository = ?1 AND id < ?2 AND state NOT IN ('waiting', 'running') "
        "AND id NOT IN (SELECT revision FROM generations WHERE repository = ?1) "
        "AND id <> (SELECT max(id) FROM revisions WHERE repository = ?1 AND kind = 'push')");
    q.bind(repository).bind(id).run();
}

// The column `number` is the order of use; `made` is the number people see.  Made again, a generation keeps the revision that made it
// first, and its number.
void Store::put_generation(const Generation &g) {
    Transaction transaction(impl_->database, impl_->depth);
    Query known = impl_->query(
        "UPDATE generations SET number = (SELECT max(number) + 1 FROM generations WHERE repository = ?1) "
        "WHERE repository = ?1 AND hash = ?2");
    known.bind(g.repository).bind(g.hash).run();
    if (impl_->database.changes() == 0) {
        impl_->query("UPDATE flakes SET last_generation = last_generation + 1 WHERE repository = ?").bind(g.repository).run();
        Query q = impl_->query(
            "INSERT INTO generations (repository, hash, revision, instances, created_ms, number, made, ready) SELECT ?1, ?2, ?3, ?4, "
            "?5, (SELECT coalesce(max(number), 0) + 1 FROM generations WHERE repository = ?1), "
            "coalesce((SELECT last_generation FROM flakes WHERE repository = ?1), 0), ?6");
        q.bind(g.repository).bind(g.hash).bind(g.revision).bind(g.instances).bind(g.created_ms).bind(int64_t{g.ready}).run();
    }
    transaction.commit();
}

void Store::set_generation_ready(const std::string &repository, const std::string &hash) {
    impl_->query("UPDATE generations SET ready = 1 WHERE repository = ? AND hash = ?").bind(repository).bind(hash).run();
}

int64_t Store::last_generation_number(const std::string &repository) const {
    Query q = impl_->query("SELECT last_generation FROM flakes WHERE repository = ?");
    q.bind(repository);
    return q.step() ? q.number(0) : 0;
}

std::optional<Generation> Store::generation(const std::string &repository, const std::string &hash) const {
    Query q = impl_->query(GENERATION "WHERE repository = ? AND hash = ?");
    return one(q.bind(repository).bind(hash), generation_of);
}

std::vector<Generation> Store::generations(const std::string &repository, int limit) const {
    Query q = impl_->query(GENERATION "WHERE repository = ? ORDER BY number DESC LIMIT ?");
    return all(q.bind(repository).bind(limit), generation_of);
}

void Store::remove_generation(const std::string &repository, const std::string &hash) {
    impl_->query("DELETE FROM generations WHERE repository = ? AND hash = ?").bind(repository).bind(hash).run();
}

std::optional<std::string> Store::current_generation(const std::string &repository) const {
    Query q = impl_->query("SELECT hash FROM desired WHERE repository = ?");
    return one(q.bind(repository), text_of);
}

void Store::set_current_generation(const std::string &repository, const std::string &hash) {
    impl_->query("INSERT INTO desired VALUES (?, ?) ON CONFLICT DO UPDATE SET hash = excluded.hash")
        .bind(repository)
        .bind(hash)
        .run();
}

std::optional<std::string> Store::cached(const std::string &kind, const std::string &key) const {
    Query q = impl_->query("SELECT value FROM cache WHERE kind = ? AND key = ?");
    return one(q.bind(kind).bind(key), text_of);
}

void Store::cache(const std::string &kind, const std::string &key, const std::string &value) {
    Query q = impl_->query("INSERT INTO cache VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value");
    q.bind(kind).bind(key).bind(value).run();
}

void Store::forget_cached(const std::string &kind, const std::string &key) {
    impl_->query("DELETE FROM cache WHERE kind = ? AND key = ?").bind(kind).bind(key).run();
}

std::vector<std::string> Store::cached_keys(const std::string &kind, const std::string &prefix) const {
    Query q = impl_->query("SELECT key FROM cache WHERE kind = ?1 AND key >= ?2 AND substr(key, 1, length(?2)) = ?2 ORDER BY key");
    return all(q.bind(kind).bind(prefix), text_of);
}

uint64_t Store::restart_requests(const std::string &ns, const std::string &instance) const {
    Query q = impl_->query("SELECT count FROM restart_requests WHERE ns = ? AND instance = ?");
    q.bind(ns).bind(instance);
    return q.step() ? static_cast<uint64_t>(q.number(0)) : 0;
}

uint64_t Store::add_restart_request(const std::string &ns, const std::string &instance) {
    Query q =
        impl_->query("INSERT INTO restart_requests VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count");
    q.bind(ns).bind(instance).step();
    auto count = static_cast<uint64_t>(q.number(0));
    q.run();  // to its end: only then it is committed
    return count;
}

// Two entries per action: with a wait for the disk in each, the core's thread would do little else while many instances start.
int64_t Store::journal_begin(const std::string &repository, const std::string &action) {
    WithoutWaiting without_waiting(impl_->database, impl_->depth);
    Transaction transaction(impl_->database, impl_->depth);
    Query q = impl_->query("INSERT INTO journal (repository, action, state, message, at_ms) VALUES (?, ?, 'begun', '', ?)");
    q.bind(repository).bind(action).bind(unix_ms()).run();
    int64_t id = impl_->database.last_id();
    Query old = impl_->query(
        "DELETE FROM journal WHERE repository = ?1 AND id <= (SELECT id FROM journal WHERE repository = ?1 ORDER BY id DESC "
        "LIMIT 1 "
        "OFFSET ?2)");
    old.bind(repository).bind(journal_kept).run();
    transaction.commit();
    return id;
}

void Store::journal_end(int64_t id, bool ok, const std::string &message) {
    WithoutWaiting without_waiting(impl_->database, impl_->depth);
    Query q = impl_->query("UPDATE journal SET state = ?, message = ?, at_ms = ? WHERE id = ?");
    q.bind(ok ? "done" : "failed").bind(message).bind(unix_ms()).bind(id).run();
}

std::vector<JournalEntry> Store::journal(const std::string &repository, int limit) const {
    Query q = impl_->query(
        "SELECT id, repository, action, state, message, at_ms FROM journal WHERE repository = ? ORDER BY id DESC LIMIT ?");
    return all(q.bind(repository).bind(limit), entry_of);
}

}  // namespace seed::state
