#include "server/signals.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    const struct signals *signals = arg;
    struct signalfd_siginfo info;
    (void)what;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        signals->came(signals->arg, (int)info.ssi_signo);
}

int signals_take(struct signals *signals, struct event_base *base, void (*came)(void *arg, int number), void *arg)
{
    static const int ours[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR2 };
    sigset_t set;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        sigaddset(&set, ours[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signals->came = came;
    signals->arg = arg;
    signals->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->fd < 0)
        return -errno;
    signals->event = event_new(base, signals->fd, EV_READ | EV_PERSIST, on_readable, signals);
    return signals->event && event_add(signals->event, NULL) == 0 ? 0 : -ENOMEM;
}

void signals_finish(struct signals *signals)
{
    if (signals->event)
        event_free(signals->event);
    if (signals->fd >= 0)
        close(signals->fd);
}
