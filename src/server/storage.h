/*
 * storage: all that the daemon keeps, as one: the engine of streams in files, the database of settings and positions,
 * and the registry of streams. Opened and closed by the supervisor, in whose thread all of this runs; the workers use
 * what stands in it. Its streams are the business of streams.h.
 *
 *   data_dir/lock           held by the daemon that uses the directory
 *   data_dir/meta.db        settings, positions
 *   data_dir/streams/NAME/  the segments of a stream
 */
#ifndef SERVER_STORAGE_H
#define SERVER_STORAGE_H

#include "broker/webhooks.h"
#include "server/reload.h"
#include "stream/registry.h"

struct clerk;
struct config;
struct deliverer;
struct jetstream_stored;
struct meta;
struct roll;
struct stream_engine;

struct storage {
    char *directory;                 /* NULL: there is none; streams are in memory, and nothing outlives the daemon */
    struct stream_engine *engine;
    struct meta *meta;               /* NULL: as above */
    struct stream_registry *registry;
    unsigned char secret[32];        /* drawn at random, once for a directory: what it signs outlives the daemon */
    struct stream *recent;           /* borrowed, and set before storage_open; NULL: there is none */
    struct deliverer *deliverer;     /* sends webhooks; started by whoever has opened all else. NULL: a sidecar's */
    struct webhook_office webhooks;  /* how workers ask it */
    struct clerk *clerk;             /* makes and removes streams for the workers */
    struct roll *roll;               /* what consumers read; until the workers are gone */
    struct jetstream_stored *consumers; /* that are stored, for the workers to take up; NULL: none */
};

/*
 * Opens everything, and starts its threads: the streams that are stored, those that the configuration names, and what
 * recovery found of them, which is logged. 0, or an exit code of sysexits(3) and a sentence that says why: EX_CANTCREAT
 * where the directory cannot be used, EX_CONFIG where configuration and store do not agree, EX_OSERR else. To be closed
 * in any case; begins zeroed but for recent.
 */
int storage_open(struct storage *storage, const struct config *config, char sentence[RELOAD_SENTENCE_SIZE]);

/* Another configuration. 0, or -errno and a sentence; then nothing has changed, or no more than the log says. */
int storage_reload(struct storage *storage, const struct config *config, char sentence[RELOAD_SENTENCE_SIZE]);

/* When the workers' threads have ended: ends that of webhooks, and commits what they have put into meta. */
void storage_settle(struct storage *storage);

/* When the workers have let go of the streams: commits these, and closes. */
void storage_close(struct storage *storage);

#endif
