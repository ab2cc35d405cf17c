#include "meta/database.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROOM_SIZE 256 /* of meta_open's sentence */
#define FOUND_SIZE 96 /* of what SQLite finds wrong */

enum {
    APPLICATION_ID = 0x50486f6d,  /* "PHom", by which file(1) and we know it */
    CHECKPOINT_FRAMES_MIN = 1000, /* pages in the log beyond which they are brought home into the file */
    FILE_MODE = 0600,
};

/* What makes a file of version n one of version n + 1. To change the schema, append a step; never change one. */
static const char *const steps[] = {
    "CREATE TABLE entry (kind TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key))"
    " WITHOUT ROWID",
};
enum { VERSION = sizeof steps / sizeof *steps };

enum statement { LOAD, BEGIN, PUT, REMOVE, COMMIT, STATEMENT_COUNT };

#define PUT_TEXT                                            \
    "INSERT INTO entry (kind, key, value) VALUES (?, ?, ?)" \
    " ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value"

static const char *const statement_texts[STATEMENT_COUNT] = {
    [LOAD] = "SELECT key, value FROM entry WHERE kind = ? ORDER BY key",
    [BEGIN] = "BEGIN IMMEDIATE",
    [PUT] = PUT_TEXT,
    [REMOVE] = "DELETE FROM entry WHERE kind = ? AND key = ?",
    [COMMIT] = "COMMIT",
};

struct database {
    sqlite3 *sqlite;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    int frame_count;  /* pages in the log */
    int error;        /* what ended the transaction before its commit */
    bool sync_failed; /* for ever: what the system says of later syncs cannot be relied on */
};

/* Errors. */

static const struct {
    int code, error;
} errors[] = {
    { SQLITE_BUSY, EBUSY },      { SQLITE_LOCKED, EBUSY },    { SQLITE_CORRUPT, EBADMSG }, { SQLITE_NOTADB, EBADMSG },
    { SQLITE_FULL, ENOSPC },     { SQLITE_NOMEM, ENOMEM },    { SQLITE_READONLY, EROFS },  { SQLITE_PERM, EACCES },
    { SQLITE_TOOBIG, EMSGSIZE }, { SQLITE_CANTOPEN, ENOENT },
};

static int error_of(int code)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == (code & 0xff))
            return -errors[i].error;
    return -EIO;
}

static bool is_failed_sync(int code)
{
    return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

/* Takes note of what SQLite returned. Returns 0 or -errno. */
static int note(struct database *database, int code)
{
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
        return 0;
    if (is_failed_sync(code))
        database->sync_failed = true;
    return error_of(code);
}

/* Opening. */

static int read_number(void *arg, int count, char **values, char **names)
{
    (void)count;
    (void)names;
    *(long long *)arg = values[0] ? atoll(values[0]) : 0;
    return 0;
}

static int query(struct database *database, const char *text, long long *ret_number)
{
    return note(database, sqlite3_exec(database->sqlite, text, ret_number ? read_number : NULL, ret_number, NULL));
}

static int read_text(void *arg, int count, char **values, char **names)
{
    (void)count;
    (void)names;
    if (!*(char *)arg)
        snprintf(arg, FOUND_SIZE, "%s", values[0] ? values[0] : "");
    return 0;
}

/* Looks at every page. 0, or -EBADMSG and what is wrong in found. */
static int check_pages(struct database *database, char found[FOUND_SIZE])
{
    *found = 0;
    int code = sqlite3_exec(database->sqlite, "PRAGMA quick_check(1)", read_text, found, NULL);
    if (code == SQLITE_OK && strcmp(found, "ok") == 0)
        return 0;
    if (!*found)
        snprintf(found, FOUND_SIZE, "%s", sqlite3_errstr(code));
    for (char *at = found; *at; at++)
        if (*at == '\n')
            *at = ' ';
    return code == SQLITE_OK ? -EBADMSG : note(database, code);
}

static int migrate(struct database *database, long long version)
{
    char mark[96];
    int error = version < VERSION ? query(database, "BEGIN IMMEDIATE", NULL) : 0;
    if (error || version >= VERSION)
        return error;
    for (long long i = version; i < VERSION && !error; i++)
        error = query(database, steps[i], NULL);
    snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, VERSION);
    if (!error)
        error = query(database, mark, NULL);
    return error ? error : query(database, "COMMIT", NULL);
}

/* Whose file it is, and of which version. */
static int check_version(struct database *database, long long *ret_version, char room[ROOM_SIZE])
{
    long long id = 0, table_count = 0;
    int error = query(database, "PRAGMA application_id", &id);
    if (!error)
        error = query(database, "PRAGMA user_version", ret_version);
    if (!error)
        error = query(database, "SELECT count(*) FROM sqlite_schema", &table_count);
    if (error)
        return error;
    if (id != APPLICATION_ID && (id || *ret_version || table_count)) {
        snprintf(room, ROOM_SIZE, "meta.db is the database of another program; name another directory as data_dir");
        return -EBADMSG;
    }
    if (*ret_version > VERSION) {
        snprintf(room, ROOM_SIZE, "meta.db was written by a newer posthornd: its version is %lld, and this one knows "
                 "%d; start the newer one, or name another directory as data_dir", *ret_version, VERSION);
        return -EPROTONOSUPPORT;
    }
    return 0;
}

/* Nobody else may open it meanwhile, and so its index needs no file. */
static int set_up(struct database *database)
{
    static const char *const pragmas[] = {
        "PRAGMA locking_mode = EXCLUSIVE",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA wal_autocheckpoint = 0",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA cache_size = -512", /* KiB */
    };
    int error = 0;
    for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas && !error; i++)
        error = query(database, pragmas[i], NULL);
    return error;
}

static int count_frames(void *arg, sqlite3 *sqlite, const char *name, int frame_count)
{
    struct database *database = arg;
    (void)sqlite;
    (void)name;
    database->frame_count = frame_count;
    return SQLITE_OK;
}

static int prepare(struct database *database)
{
    int error = 0;
    for (int i = 0; i < STATEMENT_COUNT && !error; i++)
        error = note(database, sqlite3_prepare_v3(database->sqlite, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                                  &database->statements[i], NULL));
    return error;
}

static void explain(struct database *database, int error, const char *found, char room[ROOM_SIZE])
{
    if (error == -EBADMSG)
        snprintf(room, ROOM_SIZE, "meta.db is damaged (%s); bring back a copy of it, or move it away: settings that "
                 "are not in the configuration, and how far consumers had come, are then forgotten", found);
    else if (error == -EBUSY)
        snprintf(room, ROOM_SIZE, "meta.db is open in another process, which must let go of it first");
    else
        snprintf(room, ROOM_SIZE, "meta.db cannot be used: %s", sqlite3_errmsg(database->sqlite));
}

static int bring_up(struct database *database, char room[ROOM_SIZE])
{
    char found[FOUND_SIZE] = "";
    long long version = 0;
    sqlite3_extended_result_codes(database->sqlite, 1);
    int error = set_up(database);
    if (error)
        snprintf(found, sizeof found, "%s", sqlite3_errmsg(database->sqlite));
    else
        error = check_pages(database, found);
    if (!error)
        error = check_version(database, &version, room);
    if (!error)
        error = migrate(database, version);
    if (!error)
        error = prepare(database);
    if (error && !*room)
        explain(database, error, found, room);
    sqlite3_wal_hook(database->sqlite, count_frames, database);
    return error;
}

/* SQLite would make it readable for everybody. */
static int make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

int database_open(const char *path, struct database **ret_database, char room[ROOM_SIZE])
{
    struct database *database = calloc(1, sizeof *database);
    *room = 0;
    int error = database ? make_file(path) : -ENOMEM;
    if (error)
        snprintf(room, ROOM_SIZE, "meta.db cannot be opened: %s", strerror(-error));
    else if (sqlite3_open_v2(path, &database->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        error = -ENOMEM;
    if (!error)
        error = bring_up(database, room);
    if (error) {
        database_close(database);
        return error;
    }
    *ret_database = database;
    return 0;
}

void database_close(struct database *database)
{
    if (!database)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(database->statements[i]);
    if (database->sync_failed)
        sqlite3_db_config(database->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(database->sqlite);
    free(database);
}

/* Reading. */

static struct slice column(sqlite3_stmt *statement, int number)
{
    const char *data = sqlite3_column_blob(statement, number);
    return slice_make(data ? data : "", (size_t)sqlite3_column_bytes(statement, number));
}

int database_load(struct database *database, const char *kind,
                  int (*visit)(void *arg, struct slice key, struct slice value), void *arg)
{
    sqlite3_stmt *load = database->statements[LOAD];
    int code = sqlite3_bind_text(load, 1, kind, -1, SQLITE_STATIC), result = 0;
    while (code == SQLITE_OK && !result && (code = sqlite3_step(load)) == SQLITE_ROW) {
        result = visit(arg, column(load, 0), column(load, 1));
        code = SQLITE_OK;
    }
    sqlite3_reset(load);
    return result ? result : note(database, code);
}

/* Writing. */

static int run(struct database *database, enum statement which)
{
    int code = sqlite3_step(database->statements[which]);
    sqlite3_reset(database->statements[which]);
    return note(database, code);
}

int database_begin(struct database *database)
{
    database->error = 0;
    return database->sync_failed ? -EIO : run(database, BEGIN);
}

int database_put(struct database *database, const char *kind, struct slice key, struct slice value)
{
    enum statement which = value.data ? PUT : REMOVE;
    sqlite3_stmt *statement = database->statements[which];
    if (database->error)
        return -ECANCELED;
    int code = sqlite3_bind_text(statement, 1, kind, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_bind_blob64(statement, 2, key.data ? key.data : "", key.size, SQLITE_STATIC);
    if (code == SQLITE_OK && value.data)
        code = sqlite3_bind_blob64(statement, 3, value.data, value.size, SQLITE_STATIC);
    int error = code == SQLITE_OK ? run(database, which) : note(database, code);
    sqlite3_clear_bindings(statement);
    if (error && sqlite3_get_autocommit(database->sqlite)) {
        database->error = error;
        return -ECANCELED;
    }
    return error;
}

/* What has been committed is safe in the log whatever becomes of this. */
static void bring_home(struct database *database)
{
    if (database->frame_count < CHECKPOINT_FRAMES_MIN)
        return;
    note(database, sqlite3_wal_checkpoint_v2(database->sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL));
    database->frame_count = 0;
}

int database_commit(struct database *database)
{
    int error = database->error ? database->error : run(database, COMMIT);
    if (!error)
        bring_home(database);
    else if (!sqlite3_get_autocommit(database->sqlite))
        sqlite3_exec(database->sqlite, "ROLLBACK", NULL, NULL, NULL);
    return error;
}
