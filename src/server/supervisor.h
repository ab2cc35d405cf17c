/*
 * supervisor: the daemon's first thread. It listens, admits connections and hands them to the workers, takes signals,
 * reloads the configuration, watches that the workers are alive, and stops everything in the right order:
 *
 *   SIGTERM, SIGINT   with a guest first: it begins nothing more, and ends what it has begun (MAIL_RETIRE), while the
 *                     clients are served until they have gone, or the grace is over. Then, and without one at once:
 *                     stop listening; workers read no more and mail what they have (MAIL_QUIESCE); when all are quiet
 *                     they deliver what has come, close, and end (MAIL_STOP)
 *   SIGUSR2           lame duck: stop listening, tell the clients, wait for the grace, close the clients spread over
 *                     the duration, then as SIGTERM
 *   SIGHUP            load the configuration again (reload.h); where it is refused, nothing changes
 *
 * What is kept on disk (storage.h) is opened before the workers are made, and closed in two steps: the database when
 * their threads have ended, the streams when they have let go of them.
 */
#ifndef SERVER_SUPERVISOR_H
#define SERVER_SUPERVISOR_H

struct config;
struct reload_source;
struct worker_guest;

/*
 * Serves until it is told to stop. Takes the configuration, borrows the source and the guest of its one worker, which
 * a sidecar has (NULL: none). When every listener accepts, the line "ready line=..." is written to standard output.
 * Returns 0, or an exit code of sysexits(3), having logged why.
 */
int supervisor_run(struct config *config, const struct reload_source *source, const struct worker_guest *guest);

#endif
