/*
 * history: what a webhook has done, as bytes that outlive the daemon: its counts, and its newest attempts.
 *
 *   1  version     8 * HISTORY_NUMBERS  numbers     2  attempts, the oldest first, each:
 *   8 * 5  time, duration, sequence, number, next    1 verdict   2 status   1+n id   1+n error   2+n answer
 *
 * All numbers are little-endian. Pure; any thread.
 */
#ifndef PUSH_HISTORY_H
#define PUSH_HISTORY_H

#include "push/hook.h"

enum { HISTORY_ATTEMPTS_MAX = 20 };

/* Of what history_write writes. */
size_t history_size(const struct hook *hook);
/* Returns that size. */
size_t history_write(const struct hook *hook, char *out);

/* Takes it up, on a hook that has done nothing. False: it is none; nothing has changed then. */
bool history_read(struct hook *hook, struct slice bytes);

#endif
