/*
 * A resolver that a test preloads into a daemon: getaddrinfo() with answers of its own for some names, another one at
 * each look-up if there are several. All else goes to the real one.
 *
 *     RESOLVER_ANSWERS="one.test=192.0.2.1/127.0.0.1;two.test=192.0.2.1,127.0.0.1"
 *
 * one.test is first 192.0.2.1, then 127.0.0.1, then again the former; two.test has both addresses. A name whose answer
 * is "never" is not answered at all, but where it is asked for as a number, which it is not. Built by
 * webhooks_guard.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_MAX = 64, ANSWER_SIZE = 256 };

typedef int lookup(const char *name, const char *port, const struct addrinfo *hints, struct addrinfo **ret);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned counts[NAMES_MAX]; /* look-ups of the name that stands there */

/* The text behind "name=", up to ";". NULL: there is none. */
static const char *find(const char *name, unsigned *ret_index)
{
    size_t size = strlen(name);
    const char *at = getenv("RESOLVER_ANSWERS");
    for (unsigned i = 0; at && *at && i < NAMES_MAX; i++) {
        if (strncmp(at, name, size) == 0 && at[size] == '=') {
            *ret_index = i;
            return at + size + 1;
        }
        at += strcspn(at, ";");
        at += *at == ';';
    }
    return NULL;
}

/* The number-th of the answers, from the start again behind the last. */
static void choose(const char *answers, unsigned number, char answer[ANSWER_SIZE])
{
    const char *at = answers;
    size_t size;
    for (unsigned i = 0; i < number; i++) {
        at += strcspn(at, "/;");
        at = *at == '/' ? at + 1 : answers;
    }
    size = strcspn(at, "/;");
    if (size >= ANSWER_SIZE)
        abort();
    memcpy(answer, at, size);
    answer[size] = '\0';
}

/* A list of each address in turn. */
static int make(lookup *real, char *answer, const char *port, const struct addrinfo *hints, struct addrinfo **ret)
{
    struct addrinfo numeric = { .ai_socktype = SOCK_STREAM }, **last = ret;
    char *rest = answer;
    if (hints)
        numeric = *hints;
    numeric.ai_family = AF_UNSPEC;
    numeric.ai_flags = AI_NUMERICHOST;
    *ret = NULL;
    for (char *address; (address = strsep(&rest, ","));) {
        int error = real(address, port, &numeric, last);
        if (error)
            return error;
        while (*last)
            last = &(*last)->ai_next;
    }
    return 0;
}

int getaddrinfo(const char *name, const char *port, const struct addrinfo *hints, struct addrinfo **ret)
{
    lookup *real = (lookup *)dlsym(RTLD_NEXT, "getaddrinfo");
    char answer[ANSWER_SIZE];
    unsigned index, number;
    const char *answers = name ? find(name, &index) : NULL;
    if (!answers)
        return real(name, port, hints, ret);
    pthread_mutex_lock(&mutex);
    number = counts[index]++;
    pthread_mutex_unlock(&mutex);
    choose(answers, number, answer);
    if (strcmp(answer, "never") == 0) {
        if (hints && (hints->ai_flags & AI_NUMERICHOST))
            return EAI_NONAME;
        for (;;)
            pause();
    }
    return make(real, answer, port, hints, ret);
}
