/*
 * worker: a thread with a whole broker of its own: loop, router, sessions, timers, counters; and its peers.
 *
 * The supervisor creates all workers, ties them together, starts them, writes to them by mail, and destroys them when
 * their threads have ended. From start to join a worker belongs to its own thread.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include "http/http.h"
#include "line/line.h"
#include "metrics/counters.h"

struct accounts;
struct broker;
struct clerk;
struct config;
struct deliverer;
struct gate;
struct jetstream_stored;
struct loop;
struct meta;
struct post;
struct roll;
struct stream;
struct stream_registry;
struct tls;
struct users;
struct webhook_office;
struct worker;

/* Where a guest lives. All of it outlives the guest. */
struct worker_place {
    struct loop *loop;
    struct broker *broker;
    struct http *http;     /* NULL: off */
    struct stream_registry *registry;
    struct meta *meta;     /* NULL: nothing outlives the daemon */
    const char *directory; /* of what does; NULL: as above */
    const struct config *config; /* until reconfigure */
    const char *server_name;
};

/*
 * Somebody who lives on a worker's loop and is told of its turns: the sidecar, where the worker is one's. All but close
 * is called on the worker's thread, or before that runs.
 */
struct worker_guest {
    int (*open)(const struct worker_place *place, void **ret_guest); /* 0 or -errno; may set the broker's outlet */
    bool (*turn)(void *guest);    /* when all is handled, before what was written leaves; true: there is more to do */
    void (*turn_end)(void *guest);
    void (*reconfigure)(void *guest, const struct config *config); /* the one before it is gone afterwards */
    void (*retire)(void *guest);  /* the daemon will stop, and serves its clients until they have gone: begin nothing
                                     more for others, and end what has begun */
    bool (*is_retiring)(const void *guest); /* true while something of that is under way */
    void (*quiesce)(void *guest); /* the daemon is about to stop: take nothing more in */
    bool (*is_busy)(const void *guest); /* true while the worker is to wait for it before it says that it is quiet, and
                                           before it ends */
    void (*close)(void *guest);   /* when the thread has ended; takes NULL */
};

/* What a worker is made of. It borrows all that is pointed to: config, users and tls until it has been told of others,
 * the rest for its life. */
struct worker_setup {
    unsigned number, worker_count;
    struct post *post; /* has one member more than there are workers: the supervisor, who comes last */
    const struct line_identity *line_identity;
    const struct http_identity *http_identity;
    const struct config *config;
    const struct users *users;
    struct accounts *accounts, *places;
    struct tls *tls; /* NULL: there is none */
    struct gate *gate;
    struct stream *recent; /* NULL: off */
    struct stream_registry *registry;
    const char *directory; /* of what outlives the daemon, for the guest; NULL: nothing does */
    struct meta *meta;     /* NULL: nothing outlives the daemon. Closed between worker_join and worker_destroy */
    struct clerk *clerk;   /* ended before meta is closed */
    struct roll *roll;     /* what consumers read */
    const struct jetstream_stored *stored; /* consumers; NULL: none. Until worker_start */
    const struct webhook_office *webhooks; /* NULL: there are none */
    const struct worker_guest *guest; /* NULL: none */
    struct deliverer *deliverer; /* whose notes this worker publishes; NULL: none */
};

/* 0 or -errno. */
int worker_create(const struct worker_setup *setup, struct worker **ret_worker);

/* Runs the thread. 0 or -errno. */
int worker_start(struct worker *worker);

/* Waits for the thread to end, as MAIL_STOP makes it. */
void worker_join(struct worker *worker);

/* What it counted; only when its thread has ended. */
const struct counters *worker_counters(const struct worker *worker);

/* Takes NULL. */
void worker_destroy(struct worker *worker);

#endif
