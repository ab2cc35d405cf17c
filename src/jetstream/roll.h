/*
 * roll: what each consumer reads, for workers that are not its home: whoever asks it for messages, or says
 * something of them, is to be allowed to read these. Homes write it. Behind a lock; shared by all workers, created and
 * destroyed by the supervisor.
 */
#ifndef JETSTREAM_ROLL_H
#define JETSTREAM_ROLL_H

#include "util/slice.h"

struct roll;

/* 0 or -ENOMEM. */
int roll_create(struct roll **ret_roll);
/* Takes NULL. */
void roll_destroy(struct roll *roll);

/* The consumer "STREAM.CONSUMER" reads these patterns, which are copied; none: all that its stream keeps. In place of
 * what it has read so far. 0 or -ENOMEM. roll NULL: nobody wants to know, as below. */
int roll_put(struct roll *roll, const char *key, const char *const *patterns, size_t count);

/* It is gone. */
void roll_remove(struct roll *roll, const char *key);

/* What judge says of its patterns, under the lock: it may not come here again. Of one that is not there it is asked
 * with count 0, as of one that reads all. */
typedef bool roll_judge(void *arg, const char *const *patterns, size_t count);
bool roll_ask(struct roll *roll, struct slice key, roll_judge *judge, void *arg);

#endif
