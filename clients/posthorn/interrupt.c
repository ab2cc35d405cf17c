#include "interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "say.h"

/* A signal handler gets no argument: these two are what it needs. */
static volatile sig_atomic_t signal_that_came;
static int event_fd = -1;

static void note_signal(int number)
{
    int saved = errno;
    signal_that_came = number;
    uint64_t one = 1;
    ssize_t written = write(event_fd, &one, sizeof one);
    (void)written; /* a full eventfd is readable already */
    errno = saved;
}

bool interrupt_watch(void)
{
    event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event_fd < 0) {
        say("eventfd: %s", strerror(errno));
        return false;
    }
    /*
     * SA_RESETHAND: the second signal does what it always did. No SA_RESTART: a write into a full pipe must not hold
     * us.
     */
    struct sigaction action = { .sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return true;
}

int interrupt_fd(void)
{
    return event_fd;
}

void interrupt_hear(void)
{
    uint64_t count;
    ssize_t got = read(event_fd, &count, sizeof count);
    (void)got; /* nothing there: nothing to clear */
}

bool interrupted(void)
{
    return signal_that_came != 0;
}

void interrupt_end(void)
{
    if (!signal_that_came)
        return;
    signal((int)signal_that_came, SIG_DFL);
    raise((int)signal_that_came);
}
