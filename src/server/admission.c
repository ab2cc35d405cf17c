#include "server/admission.h"

#include <stdlib.h>
#include <string.h>

#include "util/hash.h"
#include "util/random.h"

enum {
    PLACES_MIN = 64,
    REFUSED_MAX = 64, /* so many over the cap are still told why */
};

/* A host that has connections: open addressing, linear probing, a power of two; count 0: an empty place. */
struct place {
    struct address host;
    unsigned count;
};

struct admission {
    struct admission_limits limits;
    uint64_t seed;
    unsigned total, worker_count, next_worker;
    struct place *places;
    size_t place_count, used_count;
    unsigned at_worker[];
};

struct admission *admission_create(unsigned worker_count, const struct admission_limits *limits)
{
    struct admission *admission = calloc(1, sizeof *admission + worker_count * sizeof admission->at_worker[0]);
    if (!admission)
        return NULL;
    admission->limits = *limits;
    admission->worker_count = worker_count;
    admission->place_count = PLACES_MIN;
    admission->places = calloc(admission->place_count, sizeof *admission->places);
    random_bytes(&admission->seed, sizeof admission->seed);
    if (!admission->places) {
        free(admission);
        return NULL;
    }
    return admission;
}

void admission_destroy(struct admission *admission)
{
    if (!admission)
        return;
    free(admission->places);
    free(admission);
}

void admission_set_limits(struct admission *admission, const struct admission_limits *limits)
{
    admission->limits = *limits;
}

static size_t home_of(const struct admission *admission, const struct address *host)
{
    return hash_bytes(admission->seed, host->ip, sizeof host->ip) & (admission->place_count - 1);
}

static struct place *find(const struct admission *admission, const struct address *host)
{
    size_t at = home_of(admission, host);
    while (admission->places[at].count && !address_same_host(&admission->places[at].host, host))
        at = (at + 1) & (admission->place_count - 1);
    return &admission->places[at];
}

/* Where memory runs out the table stays as it is; it is full before anything breaks, and then hosts are not counted. */
static void grow(struct admission *admission)
{
    struct admission larger = *admission;
    larger.place_count *= 2;
    larger.places = calloc(larger.place_count, sizeof *larger.places);
    if (!larger.places)
        return;
    for (size_t i = 0; i < admission->place_count; i++)
        if (admission->places[i].count)
            *find(&larger, &admission->places[i].host) = admission->places[i];
    free(admission->places);
    admission->places = larger.places;
    admission->place_count = larger.place_count;
}

/* Unix sockets have no host to count. */
static bool is_counted(const struct address *peer)
{
    return peer->family == AF_INET || peer->family == AF_INET6;
}

static unsigned count_host(struct admission *admission, const struct address *peer)
{
    if (!is_counted(peer))
        return 0;
    if (admission->used_count * 4 >= admission->place_count * 3)
        grow(admission);
    struct place *place = find(admission, peer);
    if (!place->count) {
        if (admission->used_count + 1 == admission->place_count)
            return 0;
        place->host = *peer;
        admission->used_count++;
    }
    return ++place->count;
}

/* Closes the gap that a host leaves (Knuth 6.4, algorithm R). */
static void remove_place(struct admission *admission, struct place *place)
{
    size_t mask = admission->place_count - 1, hole = (size_t)(place - admission->places);
    for (size_t at = (hole + 1) & mask; admission->places[at].count; at = (at + 1) & mask)
        if (((at - home_of(admission, &admission->places[at].host)) & mask) >= ((at - hole) & mask)) {
            admission->places[hole] = admission->places[at];
            hole = at;
        }
    admission->places[hole].count = 0;
    admission->used_count--;
}

static void uncount_host(struct admission *admission, const struct address *peer)
{
    struct place *place = is_counted(peer) ? find(admission, peer) : NULL;
    if (!place || !place->count)
        return;
    if (place->count == 1)
        remove_place(admission, place);
    else
        place->count--;
}

/* The one with the fewest connections; among equals they take turns. */
static unsigned pick_worker(struct admission *admission)
{
    unsigned best = admission->next_worker;
    for (unsigned i = 1; i < admission->worker_count; i++) {
        unsigned worker = (admission->next_worker + i) % admission->worker_count;
        if (admission->at_worker[worker] < admission->at_worker[best])
            best = worker;
    }
    admission->next_worker = (best + 1) % admission->worker_count;
    return best;
}

enum admission_verdict admission_enter(struct admission *admission, const struct address *peer, unsigned *ret_worker)
{
    const struct admission_limits *limits = &admission->limits;
    if (admission->total >= limits->connections_max + REFUSED_MAX)
        return ADMISSION_IGNORED;
    unsigned from_host = count_host(admission, peer), host_max = limits->connections_per_address_max;
    if (host_max && from_host > host_max + REFUSED_MAX) {
        uncount_host(admission, peer);
        return ADMISSION_IGNORED;
    }
    *ret_worker = pick_worker(admission);
    admission->at_worker[*ret_worker]++;
    admission->total++;
    bool over = admission->total > limits->connections_max || (host_max && from_host > host_max);
    return over ? ADMISSION_REFUSED : ADMISSION_GRANTED;
}

void admission_leave(struct admission *admission, const struct address *peer, unsigned worker)
{
    uncount_host(admission, peer);
    admission->at_worker[worker]--;
    admission->total--;
}

unsigned admission_count(const struct admission *admission)
{
    return admission->total;
}
