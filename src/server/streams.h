/*
 * streams: the streams with settings: those that are stored and those that the configuration names become the ones that
 * run (plan.h says how), at the start and at a reload. Part of storage; the supervisor's thread.
 */
#ifndef SERVER_STREAMS_H
#define SERVER_STREAMS_H

#include "server/reload.h"

struct storage;

/* See storage_open. Before the threads of storage are started. */
int streams_open(struct storage *storage, const struct config *config, char sentence[RELOAD_SENTENCE_SIZE]);

/* Another configuration: adds and changes streams, and removes none. 0, or -errno and a sentence; then nothing has
 * changed, or no more than the log says. */
int streams_reload(struct storage *storage, const struct config *config, char sentence[RELOAD_SENTENCE_SIZE]);

#endif
