/*
 * diary: a log in files on a simulated file system, and beside it what the log has promised: what was appended, what
 * was committed, what was killed. Whatever happens to the machine, the log that is opened again has to agree.
 */
#ifndef TESTS_UNIT_STORE_DIARY_H
#define TESTS_UNIT_STORE_DIARY_H

#include "sim.h"
#include "store/log.h"
#include "util/random.h"

#define DIARY_DIRECTORY "data/stream"

enum fate {
    FATE_LIVE,
    FATE_KILLED,                /* may come back when power fails */
    FATE_GONE,                  /* killed, remembered and committed */
};

struct entry {
    uint64_t number;            /* the seed of its bytes */
    uint32_t size;
    enum fate fate;
    bool is_remembered;         /* gone with the next commit */
    bool is_damaged;            /* may be missing */
    bool is_undead;             /* came back when it could not be read that it was dead: may be dead again */
    bool is_seen;
};

struct diary {
    struct sim *sim;
    struct log *log;            /* NULL: closed */
    struct log_options options;
    struct random random;
    struct entry *entries;      /* by sequence */
    size_t room;
    uint64_t last, committed, number;
    uint64_t time_ms;
    uint32_t size_max;          /* of a payload */
    bool fails;                 /* calls may fail, or the machine is off */
    uint64_t seen_count, seen_last;
};

void diary_init(struct diary *diary, uint64_t seed);
void diary_finish(struct diary *diary);

/* Opens the log and holds it to everything, unless calls may fail. 0 or -errno: then it is closed. */
int diary_open(struct diary *diary);

/* Opens it, and holds it to nothing: the machine is about to go off. */
void diary_try_to_open(struct diary *diary);

/* As after kill -9 (the log is closed, the files are as they were). */
void diary_drop(struct diary *diary);

/* Power is gone: what is not sure is lost. */
void diary_lose_power(struct diary *diary);

void diary_append(struct diary *diary, uint32_t size);
void diary_append_some(struct diary *diary, unsigned count);

/* One job. 0 or -errno. */
int diary_commit(struct diary *diary, bool sync);
/* Jobs until there is nothing left to do, or an error. */
int diary_commit_all(struct diary *diary, bool sync);
/* The same, then the last job, and closes. 0, or -errno: then it is still open. */
int diary_rest(struct diary *diary);

void diary_kill(struct diary *diary, uint64_t sequence);
void diary_kill_before(struct diary *diary, uint64_t sequence);
void diary_take_before(struct diary *diary, uint64_t sequence);
void diary_remember(struct diary *diary);

/* Reads from a sequence on, count records or all, and fetches what is away. */
void diary_read(struct diary *diary, uint64_t sequence, uint64_t count);

/* One of the things above, at random. 0 or -errno of the log. */
int diary_step(struct diary *diary);

/* The damage that the log tells of covers this sequence. */
bool diary_is_damaged(const struct diary *diary, uint64_t sequence);

#endif
