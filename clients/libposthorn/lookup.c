#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lookup.h"
#include "posthorn.h"

enum { STACK_SIZE = 512 * 1024 };

struct ph_lookup {
    atomic_uint holders; /* the connection and the thread: the last frees it */
    atomic_bool done;    /* what follows is the connection's from then on */
    int code;
    struct addrinfo *list;
    int fd;           /* an eventfd */
    const char *port; /* points into text */
    char text[];      /* host, NUL, port, NUL */
};

int ph_lookup_now(const char *host, const char *port, int flags, struct addrinfo **ret_list)
{
    struct addrinfo wanted = { .ai_socktype = SOCK_STREAM, .ai_flags = flags ? flags : AI_ADDRCONFIG };
    int code = getaddrinfo(host, port, &wanted, ret_list);
    if (!flags && (code == EAI_NONAME || code == EAI_NODATA || code == EAI_ADDRFAMILY)) {
        /* AI_ADDRCONFIG hides loopback addresses from a machine without a network. */
        wanted.ai_flags = 0;
        code = getaddrinfo(host, port, &wanted, ret_list);
    }
    if (code)
        *ret_list = NULL;
    return code;
}

static void let_go(struct ph_lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->holders, 1) > 1)
        return;
    if (lookup->list)
        freeaddrinfo(lookup->list);
    close(lookup->fd);
    free(lookup);
}

static void *run(void *arg)
{
    struct ph_lookup *lookup = arg;
    lookup->code = ph_lookup_now(lookup->text, lookup->port, 0, &lookup->list);
    atomic_store(&lookup->done, true);
    ssize_t unused = write(lookup->fd, &(uint64_t){ 1 }, sizeof(uint64_t));
    (void)unused; /* it has room for one */
    let_go(lookup);
    return NULL;
}

/* Signals are for the threads of the program. */
static bool start_thread(struct ph_lookup *lookup)
{
    sigset_t all, old;
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool started = pthread_create(&thread, &attributes, run, lookup) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

static struct ph_lookup *create(const char *host, const char *port)
{
    size_t host_size = strlen(host) + 1, port_size = strlen(port) + 1;
    struct ph_lookup *lookup = calloc(1, sizeof *lookup + host_size + port_size);
    if (!lookup)
        return NULL;
    memcpy(lookup->text, host, host_size);
    lookup->port = memcpy(lookup->text + host_size, port, port_size);
    return lookup;
}

int ph_lookup_start(const char *host, const char *port, struct ph_lookup **ret_lookup)
{
    struct ph_lookup *lookup = create(host, port);
    if (!lookup)
        return PH_E_MEMORY;
    lookup->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lookup->fd < 0) {
        free(lookup);
        return PH_E_SYSTEM;
    }
    atomic_store(&lookup->holders, 2);
    if (!start_thread(lookup)) {
        atomic_store(&lookup->holders, 1);
        let_go(lookup);
        return PH_E_SYSTEM;
    }
    *ret_lookup = lookup;
    return PH_OK;
}

int ph_lookup_fd(const struct ph_lookup *lookup)
{
    return lookup->fd;
}

bool ph_lookup_is_done(const struct ph_lookup *lookup)
{
    return atomic_load(&lookup->done);
}

int ph_lookup_take(struct ph_lookup *lookup, struct addrinfo **ret_list)
{
    *ret_list = lookup->list;
    lookup->list = NULL;
    return lookup->code;
}

void ph_lookup_leave(struct ph_lookup *lookup)
{
    if (lookup)
        let_go(lookup);
}
