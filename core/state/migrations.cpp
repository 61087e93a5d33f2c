// Steps are only ever added at the end; a step that was released is never changed.  PRAGMA user_version counts them.
#include "core/state/migrations.h"
#include "core/state/snapshot.h"

#include <iterator>

#include <seed/util/failure.h>

namespace seed::state {
namespace {

constexpr const char *steps[] = {
    R"(
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE flakes (
    repository TEXT PRIMARY KEY, owner TEXT NOT NULL, cid TEXT NOT NULL, ns TEXT NOT NULL, identity_key TEXT NOT NULL,
    created_ms INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX flakes_ns ON flakes (ns) WHERE ns <> '';

CREATE TABLE revisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, repository TEXT NOT NULL REFERENCES flakes (repository),
    commit_id TEXT NOT NULL, tree TEXT NOT NULL, pushed_by TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'deployed', 'failed', 'superseded')),
    stage TEXT NOT NULL, message TEXT NOT NULL, created_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL,
    generation TEXT NOT NULL, timings TEXT NOT NULL) STRICT;
CREATE INDEX revisions_repository ON revisions (repository, id);
CREATE INDEX revisions_unfinished ON revisions (id) WHERE state IN ('waiting', 'running');

CREATE TABLE generations (
    repository TEXT NOT NULL REFERENCES flakes (repository), hash TEXT NOT NULL, revision INTEGER NOT NULL, instances TEXT NOT NULL,
    created_ms INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (repository, hash)) STRICT;
CREATE TABLE desired (
    repository TEXT PRIMARY KEY, hash TEXT NOT NULL,
    FOREIGN KEY (repository, hash) REFERENCES generations (repository, hash)) STRICT;

CREATE TABLE cache (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)) STRICT;
CREATE TABLE restart_requests (ns TEXT NOT NULL, instance TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (ns, instance)) STRICT;

CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT, repository TEXT NOT NULL, action TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('begun', 'done', 'failed')), message TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;
CREATE INDEX journal_repository ON journal (repository, id);
)",
    // Rollbacks are deployments, too; generations have a number that stays theirs, and it is known which of them ever worked.
    R"(
ALTER TABLE revisions ADD COLUMN kind TEXT NOT NULL DEFAULT 'push' CHECK (kind IN ('push', 'rollback', 'return'));
ALTER TABLE revisions ADD COLUMN previous TEXT NOT NULL DEFAULT '';
ALTER TABLE flakes ADD COLUMN last_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generations ADD COLUMN made INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generations ADD COLUMN ready INTEGER NOT NULL DEFAULT 0;
UPDATE generations SET made = number, ready = EXISTS (SELECT 1 FROM revisions WHERE revisions.repository = generations.repository
    AND revisions.generation = generations.hash AND revisions.state = 'deployed');
UPDATE flakes SET last_generation = coalesce((SELECT max(number) FROM generations WHERE generations.repository = flakes.repository), 0);
)"};

}  // namespace

int64_t known_schema() { return static_cast<int64_t>(std::size(steps)); }

void migrate(Database &database, const std::string &path) {
    constexpr auto known = static_cast<int64_t>(std::size(steps));
    int depth = 0;
    for (;;) {
        // Asked inside the transaction: two programs that start together do not both take the same step.
        Transaction transaction(database, depth);
        int64_t version = 0;
        {
            Query query = database.query("PRAGMA user_version");
            query.step();
            version = query.number(0);
        }
        if (version > known)
            throw Failure(Code::conflict, "the state in " + path + " has schema " + std::to_string(version) +
                                              ", this program knows up to " + std::to_string(known) +
                                              "; run the newer Seed that wrote it");
        if (version == known) return;
        database.execute(steps[version]);
        database.execute("PRAGMA user_version = " + std::to_string(version + 1));
        transaction.commit();
    }
}

}  // namespace seed::state
