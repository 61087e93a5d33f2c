#include "core/state/snapshot.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <memory>

#include <seed/util/failure.h>

#include "core/state/migrations.h"

namespace seed::state {
namespace {

using Handle = std::unique_ptr<sqlite3, int (*)(sqlite3 *)>;

Handle open(const std::string &path, int flags) {
    sqlite3 *opened = nullptr;
    int result = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
    Handle handle(opened, sqlite3_close);
    if (result) throw Failure(Code::invalid, "cannot open " + path + ": " + sqlite3_errstr(result));
    sqlite3_busy_timeout(opened, 10000);
    return handle;
}

std::string single_value(sqlite3 *database, const char *sql, const std::string &path) {
    sqlite3_stmt *prepared = nullptr;
    int result = sqlite3_prepare_v2(database, sql, -1, &prepared, nullptr);
    std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt *)> statement(prepared, sqlite3_finalize);
    if (result == SQLITE_OK) result = sqlite3_step(prepared);
    if (result != SQLITE_ROW) throw Failure(Code::invalid, path + " is no intact database: " + sqlite3_errmsg(database));
    auto *text = reinterpret_cast<const char *>(sqlite3_column_text(prepared, 0));
    return text ? text : "";
}

}  // namespace

std::string snapshot(const std::string &path) {
    struct stat status {};
    if (stat(path.c_str(), &status)) fail_errno("there is no database " + path);
    Handle source = open(path, SQLITE_OPEN_READWRITE);  // read-only cannot recover what a crash left in the log
    Handle copy = open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    sqlite3_backup *backup = sqlite3_backup_init(copy.get(), "main", source.get(), "main");
    int result = backup ? sqlite3_backup_step(backup, -1) : SQLITE_ERROR;
    if (backup) sqlite3_backup_finish(backup);
    if (result != SQLITE_DONE)
        throw Failure(Code::unavailable, "cannot copy " + path + ": " + (backup ? sqlite3_errstr(result) : sqlite3_errmsg(copy.get())));
    sqlite3_int64 size = 0;
    std::unique_ptr<unsigned char, void (*)(void *)> bytes(sqlite3_serialize(copy.get(), "main", &size, 0), sqlite3_free);
    if (!bytes) throw Failure(Code::limit, "not enough memory to copy " + path);
    return std::string(reinterpret_cast<const char *>(bytes.get()), static_cast<size_t>(size));
}

int64_t verified_schema(const std::string &path) {
    Handle database = open(path, SQLITE_OPEN_READWRITE);
    sqlite3_db_config(database.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(database.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    std::string found = single_value(database.get(), "PRAGMA integrity_check(1)", path);
    if (found != "ok") throw Failure(Code::invalid, path + " is damaged: " + found);
    return std::stoll(single_value(database.get(), "PRAGMA user_version", path));
}

}  // namespace seed::state
