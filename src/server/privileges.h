/* privileges: what the process gives up for good before it opens anything. The main thread's, before others begin. */
#ifndef SERVER_PRIVILEGES_H
#define SERVER_PRIVILEGES_H

struct config;

/*
 * Nothing that it might start gets more rights than it has itself (PR_SET_NO_NEW_PRIVS). Unless server.core_dumps asks
 * for them there are no core dumps, since secrets stand in memory: RLIMIT_CORE is 0, and the broker cannot be looked
 * into by other processes of its user (PR_SET_DUMPABLE); the sidecar can, because it follows log files by way of
 * /proc/self. What the system refuses is logged.
 */
void privileges_give_up(const struct config *config);

#endif
