/*
 * called: who is called by a path. With the prefix /svc and the topic svc,
 *
 *     GET /svc/users/42?x=1    is a request on the topic svc.users.GET, with the target /42?x=1
 *
 * What stands behind the name of the service is its own business, and goes as it was sent. Pure; any thread.
 */
#ifndef SIDECAR_CALLED_H
#define SIDECAR_CALLED_H

#include "util/slice.h"

enum { CALLED_NAME_SIZE_MAX = 64 };

struct called {
    struct slice service; /* letters, digits, - and _; empty: the path names none */
    struct slice path;    /* what is asked of it, begins with a slash or is empty, which stands for one */
};

/* True for a path that lies below the prefix, which begins with a slash and does not end in one. */
bool called_find(struct slice prefix, struct slice path, struct called *ret_called);

/* Bytes that called_write_topic writes at most, with its NUL. */
size_t called_topic_size(struct slice topic, const struct called *called);
void called_write_topic(char *out, struct slice topic, const struct called *called, const char *method);

/* Bytes that called_write_target writes, with its NUL. */
size_t called_target_size(const struct called *called, struct slice query);
void called_write_target(char *out, const struct called *called, struct slice query);

#endif
