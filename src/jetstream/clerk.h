/*
 * clerk: a thread that makes, changes and removes streams, one after the other: that touches the disk, which event
 * loops never do. Shared by all workers; created and destroyed by the supervisor.
 */
#ifndef JETSTREAM_CLERK_H
#define JETSTREAM_CLERK_H

struct clerk;
struct clerk_job;

/* One thread's end: how it hears that its jobs are done. Embedded in its owner, who fills in wake and arg. */
struct clerk_desk {
    void (*wake)(void *arg);    /* from the clerk's thread, under its lock: it calls nothing here */
    void *arg;
    struct clerk_job *done, **last;
};

/* Something to be done. Embedded in its owner. */
struct clerk_job {
    struct clerk_job *next;
    struct clerk_desk *desk;
    void (*run)(struct clerk_job *job);      /* on the clerk's thread */
    void (*finished)(struct clerk_job *job); /* the owner's, for whoever takes it from clerk_done */
};

/* Starts its thread, which takes no signals. 0 or -errno. */
int clerk_create(struct clerk **ret_clerk);

/* Does what is left, and ends the thread. The desks are still there. Takes NULL. */
void clerk_destroy(struct clerk *clerk);

void clerk_desk_init(struct clerk_desk *desk, void (*wake)(void *arg), void *arg);

/* Any thread. */
void clerk_submit(struct clerk *clerk, struct clerk_job *job);

/* The next job of this desk that is done; NULL: none. The desk's thread; clerk NULL: it has ended. */
struct clerk_job *clerk_done(struct clerk *clerk, struct clerk_desk *desk);

#endif
