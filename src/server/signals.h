/* signals: SIGTERM, SIGINT, SIGHUP and SIGUSR2 as events of a loop: they are blocked in every thread and read from a
 * descriptor (signalfd(2)), so that they come between turns, none is missed, and one more at the end does no harm. */
#ifndef SERVER_SIGNALS_H
#define SERVER_SIGNALS_H

struct event;
struct event_base;

struct signals {
    int fd;                              /* -1: not taken */
    struct event *event;
    void (*came)(void *arg, int number);
    void *arg;
};

/* From the first thread, before there are others. 0 or -errno; signals_finish in any case, if fd was -1. */
int signals_take(struct signals *signals, struct event_base *base, void (*came)(void *arg, int number), void *arg);
void signals_finish(struct signals *signals);

#endif
