/*
 * sidecar: all that makes a daemon a sidecar, as the guest of its one worker. It gives applications on this machine a
 * broker of their own that passes on what they say and hear:
 *
 *   door      what is published here, on its way out          uplink    the connection to the broker
 *   trunk     what is subscribed to here, once for all        web       what it answers over HTTP: calls of other
 *                                                                        services, health, and what it passes on
 *   duties    what it does for the application: messages      tail      log files that become messages
 *             that it delivers, requests that it answers
 *
 * Belongs to the worker's thread, as everything in this room does but for the reader of log files (tail_reader.h).
 */
#ifndef SIDECAR_SIDECAR_H
#define SIDECAR_SIDECAR_H

#include <stdbool.h>

struct broker;
struct config;
struct http;
struct loop;
struct meta;
struct sidecar;
struct stream_registry;

/* What it stands on; all of it is borrowed for its life, the configuration until it is told of another. */
struct sidecar_setup {
    struct loop *loop;
    struct broker *broker;
    struct http *http; /* NULL: off */
    struct stream_registry *registry;
    struct meta *meta;           /* NULL: nothing outlives the daemon */
    const char *directory;       /* of what does; NULL: as above */
    const struct config *config; /* of PROGRAM_SIDECAR */
    const char *server_name;
};

/* Takes the broker's outlet. 0 or -errno. */
int sidecar_create(const struct sidecar_setup *setup, struct sidecar **ret_sidecar);

/* Once a turn of the loop; true: there is more to do. */
bool sidecar_turn(struct sidecar *sidecar);
void sidecar_turn_end(struct sidecar *sidecar);

/* Another configuration; the one before is gone afterwards. */
void sidecar_reconfigure(struct sidecar *sidecar, const struct config *config);

/* It will stop, and serves the application until that has gone: begins nothing more for others, and says by /readyz
 * that nobody is to count on it. True while something that has begun is not done. */
void sidecar_retire(struct sidecar *sidecar);
bool sidecar_is_retiring(const struct sidecar *sidecar);

/* It is about to stop. True while it has yet to finish something. */
void sidecar_quiesce(struct sidecar *sidecar);
bool sidecar_is_busy(const struct sidecar *sidecar);

/* Takes NULL. */
void sidecar_destroy(struct sidecar *sidecar);

#endif
