/*
 * router: one worker's table of who wants what, and the handing over of messages. The index answers a topic; a cache
 * in front of it remembers the answers for the topics seen lately.
 *
 * The cache stays right under churn. A change of a pattern without wildcards forgets the one topic that it names; a
 * change of a pattern with wildcards forgets all answers at once (a generation number), but for the very large ones,
 * which cost much to rebuild: those are compared with the pattern one by one.
 *
 * Belongs to one worker. It knows nothing of threads or sockets: another worker is a sink like any other.
 */
#ifndef CORE_ROUTER_H
#define CORE_ROUTER_H

#include "core/sink.h"
#include "core/topic.h"

struct router;

/* The sinks of one group that want a topic. The first far_count stand for members elsewhere (their target is set). */
struct match_group {
    struct slice name;
    struct sink **members;
    unsigned far_count, member_count;
};

/* The answer for one topic: borrowed until the next call on the router other than router_deliver*. */
struct match {
    struct slice topic;
    struct sink **keepers; /* keep it for later readers; those that keep what others accepted come last */
    struct sink **sinks;   /* plain, each target once */
    struct match_group *groups;
    unsigned keeper_count, sink_count, group_count;
    enum topic_verdict verdict; /* where it is not TOPIC_GOOD, nobody wants it */
    bool is_short;         /* memory has run out: some may be missing */
};

static inline bool match_is_empty(const struct match *match)
{
    return match->sink_count == 0 && match->group_count == 0 && match->keeper_count == 0;
}

/* seed: secret, for the hash tables and the choice of members. NULL: out of memory. */
struct router *router_create(uint64_t seed, const struct topic_limits *limits);
void router_destroy(struct router *router);

/* Other limits for topics from now on. */
void router_set_limits(struct router *router, const struct topic_limits *limits);

/* Puts a sink under a valid pattern; group empty: plain. 0 or -ENOMEM. Copies what it needs of the slices. */
int router_add(struct router *router, struct sink *sink, struct slice pattern, struct slice group);
void router_remove(struct router *router, struct sink *sink);

/* Where a sink stands: its pattern, written at out (0: no room), and its group, borrowed until the sink is removed. */
size_t router_pattern(const struct sink *sink, char *out, size_t size);
struct slice router_group(const struct sink *sink);

/* The sink under exactly this pattern and group for which is_it says yes; NULL: none. */
struct sink *router_find(struct router *router, struct slice pattern, struct slice group,
                         bool (*is_it)(const struct sink *sink, const void *arg), const void *arg);

/* Who wants the topic. Never NULL: where memory is short, sinks may be missing from it, and it is not remembered. */
const struct match *router_match(struct router *router, struct slice topic);

/* Hands a batch to the keepers, which comes before router_deliver, where the batch was published and nowhere else.
 * Returns how many of its messages, from the first on, one of them will answer. */
unsigned router_keep(const struct match *match, const struct batch *batch);

/* Hands a batch to all but the keepers: plain sinks, then one member of each group. Returns how many of its messages,
 * from the first on, somebody took. The batch's topic is the match's. */
unsigned router_deliver(struct router *router, const struct match *match, struct batch *batch);

/* The same for plain sinks alone, and for the one group of that name, as other workers ask for. */
unsigned router_deliver_plain(struct router *router, const struct match *match, struct batch *batch);
unsigned router_deliver_group(struct router *router, const struct match *match, struct slice name, struct batch *batch);

/*
 * Hands a batch to the sinks that stand under exactly this pattern, whatever its topic: all plain ones, or one member
 * of the group. Keepers are left out. For what comes by a subscription that stands for all of them elsewhere. Returns
 * how many of its messages, from the first on, somebody took.
 */
unsigned router_deliver_pattern(struct router *router, struct slice pattern, struct slice group, struct batch *batch);

/* A number that changes whenever a sink comes or goes. */
uint64_t router_changes(const struct router *router);

struct router_stats {
    uint64_t hits, misses;
    size_t node_count;
    size_t cached_count, cached_sinks; /* answers remembered, and the sinks in them */
    size_t fanout_max;                 /* the most sinks in one of them */
};
/* Looks through the whole cache: for those who ask now and then. */
void router_stats(const struct router *router, struct router_stats *ret_stats);

#endif
