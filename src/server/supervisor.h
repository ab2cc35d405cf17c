/*
 * supervisor: the daemon's first thread. It listens, admits connections and hands them to the workers, takes signals,
 * reloads the configuration, watches that the workers are alive, and stops everything in the right order:
 *
 *   SIGTERM, SIGINT   stop listening; workers read no more and mail what they have (MAIL_QUIESCE); when all are quiet
 *                     they deliver what has come, close, and end (MAIL_STOP)
 *   SIGUSR2           lame duck: stop listening, tell the clients, wait for the grace, close the clients spread over
 *                     the duration, then as SIGTERM
 *   SIGHUP            load the configuration again; where it is refused, nothing changes
 */
#ifndef SERVER_SUPERVISOR_H
#define SERVER_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>

struct config;

/* How the configuration was loaded, to load it again. Borrowed for as long as the supervisor runs. */
struct supervisor_source {
    const char *path; /* NULL: none */
    const char *const *overrides;
    size_t override_count;
};

/*
 * Serves until it is told to stop. Takes the configuration. When every listener accepts, the line "ready line=..." is
 * written to standard output. Returns 0 or -errno, having logged what failed; *ret_unbound is true where that was an
 * address that could not be bound.
 */
int supervisor_run(struct config *config, const struct supervisor_source *source, bool *ret_unbound);

#endif
