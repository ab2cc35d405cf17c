/*
 * application: the program beside the sidecar, as HTTP reaches it: whether it is there, and single requests to it
 * (visits). One that has a path for its health is there as long as that answers 2xx; any other is taken to be there
 * until it cannot be connected to. Belongs to the loop's thread.
 */
#ifndef SIDECAR_APPLICATION_H
#define SIDECAR_APPLICATION_H

#include <stdbool.h>

#include "net/transfer.h"
#include "util/slice.h"

struct application;
struct curl_header;
struct curl_slist;

struct application_settings {
    const char *section;             /* that names it, for the log: "serve users" */
    const char *to;                  /* its URL, without query and without a slash at the end */
    const char *health;              /* a path on its host; "": none */
    uint64_t health_interval_ms;     /* between two looks at it */
    /* It has come, or gone. May be called by application_missed too, and not by application_create. */
    void (*changed)(void *arg, bool is_there);
    void *arg;
};

/* Copies the texts. It is there from the beginning where it has no path for its health. 0 or -ENOMEM. */
int application_create(struct loop *loop, struct transfers *transfers, const struct application_settings *settings,
                       struct application **ret_application);
/* After its visits are done or given up. Takes NULL. */
void application_destroy(struct application *application);

bool application_is_there(const struct application *application);
/* A visit has not come to it: it is gone until it answers again. */
void application_missed(struct application *application);

/* A request. Embedded in its owner, zeroed; he fills in the first part, and keeps what it points to. */
struct visit {
    const char *method, *url;
    struct slice content;
    uint64_t timeout_ms;
    size_t answer_max;               /* bytes of the answer's body that are wanted */
    bool wants_whole;                /* a larger one ends the visit: is_too_large. Else the rest is read away */
    void (*done)(struct visit *visit); /* from a later turn; to end with visit_finish */

    /* What came of it. */
    unsigned status;                 /* 0: there was no answer */
    const char *error;               /* why there was none, static; NULL: there was one */
    bool is_missed;                  /* nobody was there to begin with it */
    bool is_timed_out, is_too_large;
    char *answer;
    size_t answer_size;
    uint64_t duration_ms;

    /* application's own. */
    struct transfer transfer;
    struct application *application; /* NULL: not begun */
    void *easy;
    bool is_sent;                    /* or has begun to be */
    struct curl_slist *lines;        /* in one block */
    unsigned line_count, line_room;
    size_t answer_room;
    uint64_t began_ms;
};

/* Adds a header line as curl takes them, which is borrowed. 0 or -ENOMEM. */
int visit_add_line(struct visit *visit, const char *line);
/* 0 or -ENOMEM; then done is not called. */
int visit_start(struct application *application, struct visit *visit);
/* Gives it up where it is under way, and frees what it has. */
void visit_finish(struct visit *visit);

/* Walks the headers of the answer, from *cursor = NULL, within done. False behind the last. */
bool visit_next_header(const struct visit *visit, struct curl_header **cursor);

#endif
