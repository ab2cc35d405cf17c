#include "jetstream/clerk.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct clerk {
    pthread_t thread;

    /* Under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t submitted;
    struct clerk_job *first, **last;
    bool ending;
};

static struct clerk_job *take_first(struct clerk *clerk)
{
    struct clerk_job *job = clerk->first;
    clerk->first = job->next;
    if (!clerk->first)
        clerk->last = &clerk->first;
    return job;
}

static void give_back(struct clerk_job *job)
{
    struct clerk_desk *desk = job->desk;
    job->next = NULL;
    *desk->last = job;
    desk->last = &job->next;
    desk->wake(desk->arg);
}

/* Under the lock, which is let go while a job runs. */
static void run_all(struct clerk *clerk)
{
    while (clerk->first) {
        struct clerk_job *job = take_first(clerk);
        pthread_mutex_unlock(&clerk->lock);
        job->run(job);
        pthread_mutex_lock(&clerk->lock);
        give_back(job);
    }
}

static void *run(void *arg)
{
    struct clerk *clerk = arg;
    pthread_setname_np(pthread_self(), "clerk");
    pthread_mutex_lock(&clerk->lock);
    while (clerk->first || !clerk->ending)
        if (clerk->first)
            run_all(clerk);
        else
            pthread_cond_wait(&clerk->submitted, &clerk->lock);
    pthread_mutex_unlock(&clerk->lock);
    return NULL;
}

static int start(struct clerk *clerk)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = -pthread_create(&clerk->thread, NULL, run, clerk);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

static void clerk_free(struct clerk *clerk)
{
    pthread_mutex_destroy(&clerk->lock);
    pthread_cond_destroy(&clerk->submitted);
    free(clerk);
}

int clerk_create(struct clerk **ret_clerk)
{
    struct clerk *clerk = calloc(1, sizeof *clerk);
    if (!clerk)
        return -ENOMEM;
    clerk->last = &clerk->first;
    pthread_mutex_init(&clerk->lock, NULL);
    pthread_cond_init(&clerk->submitted, NULL);
    int error = start(clerk);
    if (error)
        clerk_free(clerk);
    else
        *ret_clerk = clerk;
    return error;
}

void clerk_destroy(struct clerk *clerk)
{
    if (!clerk)
        return;
    pthread_mutex_lock(&clerk->lock);
    clerk->ending = true;
    pthread_cond_signal(&clerk->submitted);
    pthread_mutex_unlock(&clerk->lock);
    pthread_join(clerk->thread, NULL);
    clerk_free(clerk);
}

void clerk_desk_init(struct clerk_desk *desk, void (*wake)(void *arg), void *arg)
{
    *desk = (struct clerk_desk){ .wake = wake, .arg = arg, .last = &desk->done };
}

void clerk_submit(struct clerk *clerk, struct clerk_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&clerk->lock);
    *clerk->last = job;
    clerk->last = &job->next;
    pthread_cond_signal(&clerk->submitted);
    pthread_mutex_unlock(&clerk->lock);
}

static struct clerk_job *take_done(struct clerk_desk *desk)
{
    struct clerk_job *job = desk->done;
    if (job)
        desk->done = job->next;
    if (!desk->done)
        desk->last = &desk->done;
    return job;
}

struct clerk_job *clerk_done(struct clerk *clerk, struct clerk_desk *desk)
{
    if (!clerk)
        return take_done(desk);
    pthread_mutex_lock(&clerk->lock);
    struct clerk_job *job = take_done(desk);
    pthread_mutex_unlock(&clerk->lock);
    return job;
}
