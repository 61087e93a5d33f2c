#include "core/state/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>

namespace seed::state {
namespace {

[[noreturn]] void fail(sqlite3 *database, const std::string &what) {
    int code = database ? sqlite3_extended_errcode(database) : SQLITE_NOMEM;
    std::string text = what + ": " + (database ? sqlite3_errmsg(database) : "out of memory");
    switch (code & 0xff) {
        case SQLITE_CONSTRAINT:
            throw Failure(Code::conflict, text);
        case SQLITE_FULL:
            throw Failure(Code::limit, text + "; make room on the disk");
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            throw Failure(Code::unavailable, text + "; does another seedd use this state?", 1000);
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_READONLY:
            throw Failure(Code::denied, text);
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            throw Failure(Code::internal, text + "; restore the file from a backup");
    }
    throw Failure(Code::internal, text);
}

}  // namespace

Query::~Query() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
}

Query &Query::bind(std::string_view text) {
    // Never a null pointer: that would be NULL instead of an empty text.
    if (sqlite3_bind_text64(statement_, ++bound_, text.empty() ? "" : text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8))
        fail(database_, "cannot bind a value");
    return *this;
}

Query &Query::bind(int64_t number) {
    if (sqlite3_bind_int64(statement_, ++bound_, number)) fail(database_, "cannot bind a value");
    return *this;
}

bool Query::step() {
    int result = sqlite3_step(statement_);
    if (result == SQLITE_ROW) return true;
    if (result == SQLITE_DONE) return false;
    fail(database_, "the state cannot be read or written");
}

void Query::run() {
    while (step()) {
    }
}

std::string Query::text(int column) const {
    auto *text = reinterpret_cast<const char *>(sqlite3_column_text(statement_, column));
    return text ? std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))) : std::string();
}

int64_t Query::number(int column) const {
    return sqlite3_column_int64(statement_, column);
}

Database::Database(const std::string &path) : path_(path) {
    // Made by us: SQLite would use the umask.  Its -wal and -shm files take the mode of this one.
    if (path != in_memory) {
        UniqueFd file = open_file(path, O_RDWR | O_CREAT, 0600);
        if (fchmod(file.get(), 0600)) fail_errno("cannot set the mode of " + path);
    }
    try {
        if (sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE, nullptr))
            fail(handle_, "cannot open the state in " + path);
        sqlite3_extended_result_codes(handle_, 1);
        sqlite3_busy_timeout(handle_, 10000);
        sqlite3_db_config(handle_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
        sqlite3_db_config(handle_, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
        execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; "
                "PRAGMA secure_delete = ON;");
    } catch (...) {
        sqlite3_close(handle_);
        throw;
    }
}

Database::~Database() {
    for (auto &[sql, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close(handle_);
}

Query Database::query(const char *sql) {
    sqlite3_stmt *&statement = statements_[sql];
    if (!statement && sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr))
        fail(handle_, std::string("cannot prepare \"") + sql + '"');
    return Query(handle_, statement);
}

void Database::execute(const std::string &script) {
    if (sqlite3_exec(handle_, script.c_str(), nullptr, nullptr, nullptr))
        fail(handle_, "the state in " + path_ + " cannot be used");
}

int64_t Database::last_id() const {
    return sqlite3_last_insert_rowid(handle_);
}
int64_t Database::changes() const {
    return sqlite3_changes64(handle_);
}

Transaction::Transaction(Database &database, int &depth) : database_(database), depth_(depth) {
    if (depth_ == 0) database_.execute("BEGIN IMMEDIATE");
    ++depth_;
}

Transaction::~Transaction() {
    if (done_) return;
    if (--depth_ > 0) return;  // the exception under way ends the outer one, too
    try {
        database_.execute("ROLLBACK");
    } catch (const Failure &) {  // ignoring: SQLite has rolled back by itself (disk full)
    }
}

void Transaction::commit() {
    // Before the count changes: a failed COMMIT is rolled back by the destructor.
    if (depth_ == 1) database_.execute("COMMIT");
    --depth_;
    done_ = true;
}

WithoutWaiting::WithoutWaiting(Database &database, int depth) : database_(depth == 0 ? &database : nullptr) {
    if (database_) database_->execute("PRAGMA synchronous = NORMAL");
}

// A failure here would leave later commits less durable than promised: better the process ends (destructors do not throw).
WithoutWaiting::~WithoutWaiting() {
    if (database_) database_->execute("PRAGMA synchronous = FULL");
}

}  // namespace seed::state
