#include "meta/meta.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "meta/database.h"

struct meta {
    struct database *database; /* the thread's, once it runs */
    pthread_t thread;
    bool running;

    /* Under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t put;
    struct meta_job *first, *last; /* put, and not yet taken up */
    bool closing;
    struct meta_stats stats;
};

/* Writing a batch: a list of jobs, taken off the queue as it stood. */

static struct meta_job *take_batch(struct meta *meta)
{
    struct meta_job *batch = meta->first;
    meta->first = meta->last = NULL;
    return batch;
}

/* Returns what became of the batch as a whole. Jobs that failed by themselves say so. */
static int write_batch(struct meta *meta, struct meta_job *batch)
{
    int error = database_begin(meta->database);
    if (error)
        return error;
    for (struct meta_job *job = batch; job; job = job->next)
        job->error = database_put(meta->database, job->kind, job->key, job->value);
    return database_commit(meta->database);
}

/* To its desk, which is woken unless it knows. */
static void give_back(struct meta_job *job)
{
    struct meta_desk *desk = job->desk;
    job->next = NULL;
    if (desk->done)
        desk->done_last->next = job;
    else
        desk->done = job;
    desk->done_last = job;
    if (!desk->told)
        desk->wake(desk->arg);
    desk->told = true;
}

static void count(struct meta *meta, const struct meta_job *job)
{
    if (job->error)
        meta->stats.failed_count++;
    else
        meta->stats.put_count++;
}

/* Under the lock. Returns those that nobody waits for. */
static struct meta_job *finish_batch(struct meta *meta, struct meta_job *batch, int error)
{
    struct meta_job *unowned = NULL, *next;
    for (struct meta_job *job = batch; job; job = next) {
        next = job->next;
        job->error = error ? error : job->error;
        count(meta, job);
        if (job->desk) {
            give_back(job);
        } else {
            job->next = unowned;
            unowned = job;
        }
    }
    meta->stats.commit_count += !error;
    meta->stats.error = error;
    return unowned;
}

static void free_jobs(struct meta_job *jobs)
{
    while (jobs) {
        struct meta_job *next = jobs->next;
        jobs->free_job(jobs);
        jobs = next;
    }
}

/* Under the lock, which is let go meanwhile: writes what has been put by now. */
static void write_some(struct meta *meta)
{
    struct meta_job *batch = take_batch(meta);
    pthread_mutex_unlock(&meta->lock);
    int error = write_batch(meta, batch);
    pthread_mutex_lock(&meta->lock);
    struct meta_job *unowned = finish_batch(meta, batch, error);
    pthread_mutex_unlock(&meta->lock);
    free_jobs(unowned);
    pthread_mutex_lock(&meta->lock);
}

/* Until it is closing, and all is written. */
static void write_all(struct meta *meta)
{
    pthread_mutex_lock(&meta->lock);
    while (meta->first || !meta->closing)
        if (meta->first)
            write_some(meta);
        else
            pthread_cond_wait(&meta->put, &meta->lock);
    pthread_mutex_unlock(&meta->lock);
}

static void *run(void *arg)
{
    pthread_setname_np(pthread_self(), "meta");
    write_all(arg);
    return NULL;
}

/* Putting. */

void meta_put(struct meta *meta, struct meta_job *job)
{
    job->next = NULL;
    job->error = 0;
    pthread_mutex_lock(&meta->lock);
    if (meta->first)
        meta->last->next = job;
    else
        meta->first = job;
    meta->last = job;
    pthread_cond_signal(&meta->put);
    pthread_mutex_unlock(&meta->lock);
}

static void free_copy(struct meta_job *job)
{
    free(job);
}

int meta_put_copy(struct meta *meta, const char *kind, struct slice key, struct slice value)
{
    struct meta_job *job = malloc(sizeof *job + key.size + value.size);
    if (!job)
        return -ENOMEM;
    char *bytes = (char *)(job + 1);
    *job = (struct meta_job){ .free_job = free_copy, .kind = kind, .key = { bytes, key.size } };
    if (key.size)
        memcpy(bytes, key.data, key.size);
    if (value.data) {
        job->value = slice_make(bytes + key.size, value.size);
        memcpy(bytes + key.size, value.data, value.size);
    }
    meta_put(meta, job);
    return 0;
}

static struct meta_job *take_done(struct meta_desk *desk)
{
    struct meta_job *job = desk->done;
    desk->told = job != NULL;
    if (job)
        desk->done = job->next;
    return job;
}

struct meta_job *meta_done(struct meta *meta, struct meta_desk *desk)
{
    if (!meta)
        return take_done(desk);
    pthread_mutex_lock(&meta->lock);
    struct meta_job *job = take_done(desk);
    pthread_mutex_unlock(&meta->lock);
    return job;
}

void meta_get_stats(struct meta *meta, struct meta_stats *ret_stats)
{
    pthread_mutex_lock(&meta->lock);
    *ret_stats = meta->stats;
    pthread_mutex_unlock(&meta->lock);
}

/* Life. */

int meta_open(const char *directory, struct meta **ret_meta, char room[256])
{
    struct meta *meta = calloc(1, sizeof *meta);
    char *path;
    snprintf(room, 256, "out of memory");
    if (!meta || asprintf(&path, "%s/meta.db", directory) < 0) {
        free(meta);
        return -ENOMEM;
    }
    int error = database_open(path, &meta->database, room);
    free(path);
    if (error) {
        free(meta);
        return error;
    }
    pthread_mutex_init(&meta->lock, NULL);
    pthread_cond_init(&meta->put, NULL);
    *ret_meta = meta;
    return 0;
}

int meta_load(struct meta *meta, const char *kind, int (*visit)(void *arg, struct slice key, struct slice value),
              void *arg)
{
    return database_load(meta->database, kind, visit, arg);
}

int meta_start(struct meta *meta)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = -pthread_create(&meta->thread, NULL, run, meta);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    meta->running = !error;
    return error;
}

static void end_thread(struct meta *meta)
{
    pthread_mutex_lock(&meta->lock);
    meta->closing = true;
    pthread_cond_signal(&meta->put);
    pthread_mutex_unlock(&meta->lock);
    if (meta->running)
        pthread_join(meta->thread, NULL);
    else
        write_all(meta); /* what was put before there was a thread */
}

void meta_close(struct meta *meta)
{
    if (!meta)
        return;
    end_thread(meta);
    database_close(meta->database);
    pthread_mutex_destroy(&meta->lock);
    pthread_cond_destroy(&meta->put);
    free(meta);
}
