// SQLite with owners and Failures.  Knows nothing of what is stored.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace seed::state {

// One use of a prepared statement: bind in order, step, read columns; resets at the end of its scope.
class Query {
public:
    explicit Query(sqlite3 *database, sqlite3_stmt *statement) : database_(database), statement_(statement) {}
    Query(const Query &) = delete;
    ~Query();
    Query &bind(std::string_view text);
    Query &bind(int64_t number);
    bool step();  // true: a row is there
    void run();   // for statements without rows
    std::string text(int column) const;
    int64_t number(int column) const;

private:
    sqlite3 *database_;
    sqlite3_stmt *statement_;
    int bound_ = 0;
};

// Instead of a path: a database that ends with the object (simulations).
inline constexpr const char *in_memory = ":memory:";

class Database {
public:
    // Mode 0600, WAL, synchronous=FULL, foreign keys, 10 s of patience with other connections.
    explicit Database(const std::string &path);
    ~Database();
    Database(const Database &) = delete;
    // Prepared once per text; `sql` must be a literal.  A statement is used by one Query at a time.
    Query query(const char *sql);
    void execute(const std::string &script);  // several statements, no results
    int64_t last_id() const;
    int64_t changes() const;  // rows of the last statement

private:
    std::string path_;
    sqlite3 *handle_ = nullptr;
    std::map<const char *, sqlite3_stmt *> statements_;
};

// BEGIN IMMEDIATE ... COMMIT; rolled back unless commit() was reached.  Inside another one it is part of that one.
class Transaction {
public:
    Transaction(Database &database, int &depth);
    ~Transaction();
    Transaction(const Transaction &) = delete;
    void commit();

private:
    Database &database_;
    int &depth_;
    bool done_ = false;
};

// Commits within its life do not wait for the disk: they survive the end of this process, but not that of the machine, unless a commit
// after it has waited.  For a diary, which nothing is recovered from.  Within a transaction it does nothing: the transaction waits.
class WithoutWaiting {
public:
    WithoutWaiting(Database &database, int depth);
    ~WithoutWaiting();
    WithoutWaiting(const WithoutWaiting &) = delete;

private:
    Database *database_;   // null: within a transaction
};

}  // namespace seed::state
