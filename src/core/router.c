#include "core/router.h"

#include <assert.h>
#include <stdlib.h>

#include "core/index.h"
#include "util/hash.h"
#include "util/random.h"

enum {
    CACHE_WAYS = 4,         /* entries in a set */
    CACHE_SETS = 2048,      /* a power of two */
    SEEN_COUNT = 8192,      /* topics of which we remember that they were asked for; a power of two */
    LARGE_SINKS = 64,       /* from so many sinks on, an answer is worth the exact check */
    LARGE_COUNT = 64,       /* so many of those at most */
    CACHE_SINKS_MAX = 1 << 20, /* sinks that all answers together may hold */
    PICK_COUNT = 64,        /* messages that a group deals out at once */
};

/* A remembered answer: one block, the arrays and the topic behind the struct. */
struct entry {
    struct match match;
    uint64_t generation; /* right while equal to the router's; 0: wrong */
    unsigned weight;     /* sinks in it */
    bool large;          /* kept right by comparing patterns, whatever the generation */
};

struct cache_set {
    uint32_t tags[CACHE_WAYS];
    struct entry *entries[CACHE_WAYS];
};

/* Where an answer is gathered; the arrays grow and stay. */
struct gather {
    struct sink **keepers, **sinks;
    struct gather_member *members;
    struct match_group *groups;
    size_t keeper_room, sink_room, member_room, group_room;
    unsigned keeper_count, sink_count, target_count, member_count, group_count;
    bool short_of_memory;
};

struct gather_member {
    struct sink *sink;
    unsigned group; /* which of groups */
};

struct router {
    struct index *index;
    uint64_t seed, generation, changes;
    struct topic_limits limits;
    struct random random;
    uint64_t hits, misses;
    size_t cached_sinks;
    struct entry *large[LARGE_COUNT];
    unsigned large_count;
    struct gather gather;
    struct entry *scratch; /* the last answer that was not remembered */
    struct match nothing;  /* the answer where memory ran out */
    uint32_t seen[SEEN_COUNT];
    struct cache_set sets[CACHE_SETS];
};

struct router *router_create(uint64_t seed, const struct topic_limits *limits)
{
    struct router *router = calloc(1, sizeof *router);
    if (!router)
        return NULL;
    router->seed = seed;
    router->generation = 1;
    router->nothing.is_short = true;
    router->limits = *limits;
    random_init(&router->random, hash_mix(seed, HASH_PRIME_A));
    router->index = index_create(seed);
    if (!router->index) {
        free(router);
        return NULL;
    }
    return router;
}

/* The cache. */

static uint64_t topic_hash(const struct router *router, struct slice topic)
{
    return hash_bytes(router->seed, topic.data, topic.size);
}

static struct cache_set *set_of(struct router *router, uint64_t hash)
{
    return &router->sets[hash & (CACHE_SETS - 1)];
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1; /* never 0, the tag of an empty place */
}

static struct entry **entry_place(struct cache_set *set, uint32_t tag, struct slice topic)
{
    for (unsigned way = 0; way < CACHE_WAYS; way++)
        if (set->tags[way] == tag && slice_equal(set->entries[way]->match.topic, topic))
            return &set->entries[way];
    return NULL;
}

static inline bool entry_is_right(const struct router *router, const struct entry *entry)
{
    return entry->generation == router->generation || (entry->large && entry->generation);
}

static void large_forget(struct router *router, const struct entry *entry)
{
    unsigned i = 0;
    while (router->large[i] != entry)
        i++;
    router->large[i] = router->large[--router->large_count];
}

static void entry_free(struct router *router, struct entry *entry)
{
    if (!entry)
        return;
    if (entry->large)
        large_forget(router, entry);
    router->cached_sinks -= entry->weight;
    free(entry);
}

static void cache_clear(struct router *router)
{
    for (unsigned i = 0; i < CACHE_SETS; i++)
        for (unsigned way = 0; way < CACHE_WAYS; way++) {
            entry_free(router, router->sets[i].entries[way]);
            router->sets[i].entries[way] = NULL;
            router->sets[i].tags[way] = 0;
        }
}

/* A wrong answer is no longer large: its topic may never be asked for again, and places for large ones are few. */
static void entry_spoil(struct router *router, struct entry *entry)
{
    entry->generation = 0;
    if (entry->large)
        large_forget(router, entry);
    entry->large = false;
}

/* A sink comes to the pattern, or leaves it: which answers are wrong from now on? */
static void cache_invalidate(struct router *router, struct slice pattern)
{
    router->changes++;
    if (!pattern_has_wildcard(pattern)) {
        uint64_t hash = topic_hash(router, pattern);
        struct entry **place = entry_place(set_of(router, hash), tag_of(hash), pattern);
        if (place)
            entry_spoil(router, *place);
        return;
    }
    router->generation++;
    for (unsigned i = router->large_count; i-- > 0;) /* downwards: a spoilt one is replaced by the last */
        if (pattern_matches(pattern, router->large[i]->match.topic))
            entry_spoil(router, router->large[i]);
}

/* An answer is worth remembering when its topic is asked for a second time: replies to one request never are. */
static bool seen_before(struct router *router, uint64_t hash)
{
    uint32_t *place = &router->seen[(hash >> 12) & (SEEN_COUNT - 1)], tag = tag_of(hash);
    bool seen = *place == tag;
    *place = tag;
    return seen;
}

static void cache_put(struct router *router, uint64_t hash, struct entry *entry)
{
    if (router->cached_sinks + entry->weight > CACHE_SINKS_MAX)
        cache_clear(router);
    struct cache_set *set = set_of(router, hash);
    struct entry **place = entry_place(set, tag_of(hash), entry->match.topic);
    unsigned way = place ? (unsigned)(place - set->entries) : random_below(&router->random, CACHE_WAYS);
    for (unsigned i = 0; !place && i < CACHE_WAYS; i++)
        if (!set->entries[i] || !entry_is_right(router, set->entries[i]))
            way = i;
    entry_free(router, set->entries[way]);
    set->tags[way] = tag_of(hash);
    set->entries[way] = entry;
    router->cached_sinks += entry->weight;
    entry->large = entry->weight >= LARGE_SINKS && router->large_count < LARGE_COUNT;
    if (entry->large)
        router->large[router->large_count++] = entry;
}

/* Gathering an answer from the index. */

/* The array with room for one more than count. Where memory runs out it stays as it is, and *room says so. */
static void *grow(struct gather *gather, void *array, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return array;
    size_t wanted = *room ? *room * 2 : 64;
    void *grown = realloc(array, wanted * size);
    if (!grown) {
        gather->short_of_memory = true;
        return array;
    }
    *room = wanted;
    return grown;
}

static void gather_keeper(struct gather *gather, struct sink *sink)
{
    gather->keepers =
        grow(gather, gather->keepers, &gather->keeper_room, gather->keeper_count, sizeof *gather->keepers);
    if (gather->keeper_count == gather->keeper_room)
        return;
    size_t at = gather->keeper_count++;
    for (; at && gather->keepers[at - 1]->keeper > sink->keeper; at--)
        gather->keepers[at] = gather->keepers[at - 1];
    gather->keepers[at] = sink;
}

static bool gather_sink_at(struct gather *gather, struct sink *sink, unsigned place)
{
    gather->sinks = grow(gather, gather->sinks, &gather->sink_room, gather->sink_count, sizeof *gather->sinks);
    if (gather->sink_count == gather->sink_room)
        return false;
    if (place < gather->sink_count)
        gather->sinks[gather->sink_count] = gather->sinks[place];
    gather->sinks[place] = sink;
    gather->sink_count++;
    return true;
}

/* Targets stand first: whoever is near may tell others of a message, so it is to be under way to those before. */
static void gather_plain(struct gather *gather, struct sink *sink)
{
    if (!sink->target) {
        gather_sink_at(gather, sink, gather->sink_count);
        return;
    }
    for (unsigned i = 0; i < gather->target_count; i++)
        if (gather->sinks[i] == sink->target)
            return;
    gather->target_count += gather_sink_at(gather, sink->target, gather->target_count);
}

/* One group may have members under several patterns that all name the topic: it is still one group. */
static struct match_group *gather_find_group(struct gather *gather, struct slice name)
{
    for (unsigned i = 0; i < gather->group_count; i++)
        if (slice_equal(gather->groups[i].name, name))
            return &gather->groups[i];
    gather->groups = grow(gather, gather->groups, &gather->group_room, gather->group_count, sizeof *gather->groups);
    if (gather->group_count == gather->group_room)
        return NULL;
    gather->groups[gather->group_count] = (struct match_group){ .name = name };
    return &gather->groups[gather->group_count++];
}

static void gather_member(struct gather *gather, struct sink *sink, struct slice name)
{
    gather->members =
        grow(gather, gather->members, &gather->member_room, gather->member_count, sizeof *gather->members);
    if (gather->member_count == gather->member_room)
        return;
    struct match_group *group = gather_find_group(gather, name); /* after that, so that no group is without members */
    if (!group)
        return;
    unsigned place = (unsigned)(group - gather->groups);
    gather->members[gather->member_count++] = (struct gather_member){ sink, place };
    group->member_count++;
    group->far_count += sink->target != NULL;
}

static void gather_sink(void *arg, struct sink *sink, struct slice group)
{
    struct gather *gather = arg;
    if (sink->keeper)
        gather_keeper(gather, sink);
    else if (group.size)
        gather_member(gather, sink, group);
    else
        gather_plain(gather, sink);
}

static void gather_begin(struct gather *gather)
{
    gather->keeper_count = gather->sink_count = gather->target_count = 0;
    gather->member_count = gather->group_count = 0;
    gather->short_of_memory = false;
}

/* Lays the members of each group out at members, far ones first, and the names at names. */
static void entry_fill_groups(const struct gather *gather, struct match *match, struct sink **members, char *names)
{
    for (unsigned i = 0; i < gather->group_count; i++) {
        struct slice name = gather->groups[i].name;
        memcpy(names, name.data, name.size);
        match->groups[i] = (struct match_group){ .name = slice_make(names, name.size), .members = members };
        names += name.size;
        members += gather->groups[i].member_count;
    }
    for (unsigned i = 0; i < gather->member_count; i++) {
        struct sink *sink = gather->members[i].sink;
        struct match_group *group = &match->groups[gather->members[i].group];
        unsigned near_at = gather->groups[gather->members[i].group].far_count + group->member_count - group->far_count;
        group->members[sink->target ? group->far_count++ : near_at] = sink;
        group->member_count++;
    }
}

/* [entry][keepers][sinks][groups][members][topic][group names] */
static struct entry *entry_create(const struct router *router, struct slice topic, enum topic_verdict verdict)
{
    const struct gather *gather = &router->gather;
    size_t names = 0, keepers = gather->keeper_count, sinks = gather->sink_count;
    size_t members = gather->member_count, groups = gather->group_count;
    for (unsigned i = 0; i < groups; i++)
        names += gather->groups[i].name.size;
    struct entry *entry = malloc(sizeof *entry + (keepers + sinks + members) * sizeof(struct sink *) +
                                 groups * sizeof(struct match_group) + topic.size + names);
    if (!entry)
        return NULL;
    struct sink **keeper_at = (struct sink **)(entry + 1);
    struct sink **sink_at = keeper_at + keepers;
    struct match_group *group_at = (struct match_group *)(sink_at + sinks);
    struct sink **member_at = (struct sink **)(group_at + groups);
    char *topic_at = (char *)(member_at + members);
    memcpy(topic_at, topic.data, topic.size);
    if (keepers)
        memcpy(keeper_at, gather->keepers, keepers * sizeof *keeper_at);
    if (sinks)
        memcpy(sink_at, gather->sinks, sinks * sizeof *sink_at);
    *entry = (struct entry){
        .match = {
            .topic = slice_make(topic_at, topic.size),
            .keepers = keeper_at,
            .sinks = sink_at,
            .groups = group_at,
            .keeper_count = (unsigned)keepers,
            .sink_count = (unsigned)sinks,
            .group_count = (unsigned)groups,
            .verdict = verdict,
        },
        .generation = router->generation,
        .weight = (unsigned)(keepers + sinks + members),
    };
    entry_fill_groups(gather, &entry->match, member_at, topic_at + topic.size);
    return entry;
}

/* Under shortage of memory nobody is left out in silence for long: the answer is not remembered, and asked anew. */
static const struct match *match_build(struct router *router, struct slice topic, uint64_t hash)
{
    enum topic_verdict verdict = topic_check(topic, &router->limits);
    gather_begin(&router->gather);
    if (verdict == TOPIC_GOOD)
        index_match(router->index, topic, gather_sink, &router->gather);
    struct entry *entry = entry_create(router, topic, verdict);
    if (!entry)
        return &router->nothing;
    entry->match.is_short = router->gather.short_of_memory;
    if (seen_before(router, hash) && !router->gather.short_of_memory) {
        cache_put(router, hash, entry);
    } else {
        free(router->scratch);
        router->scratch = entry;
    }
    return &entry->match;
}

const struct match *router_match(struct router *router, struct slice topic)
{
    uint64_t hash = topic_hash(router, topic);
    struct entry **place = entry_place(set_of(router, hash), tag_of(hash), topic);
    if (place && entry_is_right(router, *place)) {
        router->hits++;
        return &(*place)->match;
    }
    router->misses++;
    return match_build(router, topic, hash);
}

void router_set_limits(struct router *router, const struct topic_limits *limits)
{
    router->limits = *limits;
    cache_clear(router);
}

/* Sinks. */

uint64_t router_changes(const struct router *router)
{
    return router->changes;
}

int router_add(struct router *router, struct sink *sink, struct slice pattern, struct slice group)
{
    int error = index_add(router->index, sink, pattern, group);
    if (!error)
        cache_invalidate(router, pattern);
    return error;
}

void router_remove(struct router *router, struct sink *sink)
{
    char pattern[UINT16_MAX];
    size_t size = index_pattern(sink, pattern, sizeof pattern);
    assert(size);
    index_remove(router->index, sink);
    cache_invalidate(router, slice_make(pattern, size));
}

size_t router_pattern(const struct sink *sink, char *out, size_t size)
{
    return index_pattern(sink, out, size);
}

struct slice router_group(const struct sink *sink)
{
    return sink->group ? slice_make(sink->group->name, sink->group->name_size) : slice_make(NULL, 0);
}

struct sink *router_find(struct router *router, struct slice pattern, struct slice group,
                         bool (*is_it)(const struct sink *sink, const void *arg), const void *arg)
{
    return index_find(router->index, pattern, group, is_it, arg);
}

/* Delivery. */

unsigned router_keep(const struct match *match, const struct batch *batch)
{
    unsigned answered = 0;
    for (unsigned i = 0; i < match->keeper_count; i++) {
        unsigned count = match->keepers[i]->ops->deliver(match->keepers[i], batch);
        answered = count > answered ? count : answered;
    }
    return answered;
}

unsigned router_deliver_plain(struct router *router, const struct match *match, struct batch *batch)
{
    unsigned taken = 0;
    (void)router;
    batch->group = slice_make(NULL, 0);
    for (unsigned i = 0; i < match->sink_count; i++) {
        unsigned count = match->sinks[i]->ops->deliver(match->sinks[i], batch);
        taken = count > taken ? count : taken;
    }
    return taken;
}

/* A member at random, each subscriber with the same chance, wherever it lives. */
static unsigned pick_member(struct router *router, const struct match_group *group, bool near_only)
{
    uint32_t near_count = group->member_count - group->far_count, total = near_count;
    if (near_only)
        return group->far_count + random_below(&router->random, near_count);
    for (unsigned i = 0; i < group->far_count; i++)
        total += group->members[i]->weight;
    uint32_t at = total ? random_below(&router->random, total) : 0;
    for (unsigned i = 0; i < group->far_count; i++) {
        if (at < group->members[i]->weight)
            return i;
        at -= group->members[i]->weight;
    }
    return total ? group->far_count + at : 0;
}

/* What has come from another worker is not sent on while there is a member here. */
static bool prefers_near(const struct match_group *group, const struct batch *batch)
{
    return batch->hops > 0 && group->member_count > group->far_count;
}

/* The turn-th member to be asked after the first; where near ones are preferred, far ones are asked last. */
static unsigned member_in_turn(const struct match_group *group, unsigned first, unsigned turn, bool near_first)
{
    unsigned near_count = group->member_count - group->far_count;
    if (!near_first)
        return (first + turn) % group->member_count;
    return turn < near_count ? group->far_count + (first - group->far_count + turn) % near_count : turn - near_count;
}

/* Hands messages to member `first`, and what it does not take to the next ones in turn. */
static unsigned offer_around(const struct match_group *group, unsigned first, struct batch *batch)
{
    unsigned taken = 0;
    bool near_first = prefers_near(group, batch);
    struct batch rest = *batch;
    for (unsigned turn = 0; turn < group->member_count && taken < batch->count; turn++) {
        struct sink *member = group->members[member_in_turn(group, first, turn, near_first)];
        rest.messages = batch->messages + taken;
        rest.count = batch->count - taken;
        taken += member->ops->deliver(member, &rest);
    }
    return taken;
}

/* How a batch is dealt out to the members of a group. */
struct share {
    unsigned member; /* which */
    unsigned room;   /* messages that it still takes */
};

struct deal {
    struct share shares[PICK_COUNT]; /* of members that get something */
    unsigned share_count;
    unsigned count;            /* messages dealt, from the first on */
    uint8_t takers[PICK_COUNT]; /* of each message: which share */
};

/* The share of a member; NULL where it takes nothing, or nothing more. */
static struct share *share_of(struct deal *deal, const struct match_group *group, unsigned member,
                              const struct batch *batch)
{
    struct share *share = deal->shares, *end = deal->shares + deal->share_count;
    while (share < end && share->member != member)
        share++;
    if (share == end) {
        struct sink *sink = group->members[member];
        unsigned room = sink->ops->room ? sink->ops->room(sink, batch) : batch->count;
        if (room == 0)
            return NULL;
        *share = (struct share){ member, room };
        deal->share_count++;
    }
    return share->room ? share : NULL;
}

static struct share *pick_share(struct router *router, const struct match_group *group, const struct batch *batch,
                                struct deal *deal)
{
    bool near_first = prefers_near(group, batch);
    unsigned first = pick_member(router, group, near_first);
    struct share *share = NULL;
    for (unsigned turn = 0; !share && turn < group->member_count; turn++)
        share = share_of(deal, group, member_in_turn(group, first, turn, near_first), batch);
    return share;
}

/* Picks a member for each message, in order, until one finds none. The batch has PICK_COUNT messages at most. */
static void deal_out(struct router *router, const struct match_group *group, const struct batch *batch,
                     struct deal *deal)
{
    struct share *share;
    deal->share_count = deal->count = 0;
    while (deal->count < batch->count && (share = pick_share(router, group, batch, deal))) {
        share->room--;
        deal->takers[deal->count++] = (uint8_t)(share - deal->shares);
    }
}

/* Hands a member its messages together. Returns the place of the first that nobody took, deal->count: none. */
static unsigned deliver_share(const struct match_group *group, const struct batch *batch, const struct deal *deal,
                              unsigned share)
{
    struct message messages[PICK_COUNT];
    unsigned places[PICK_COUNT];
    struct batch part = *batch;
    part.messages = messages;
    part.serial = 0;
    part.count = 0;
    for (unsigned i = 0; i < deal->count; i++)
        if (deal->takers[i] == share) {
            places[part.count] = i;
            messages[part.count++] = batch->messages[i];
        }
    unsigned taken = offer_around(group, deal->shares[share].member, &part);
    return taken < part.count ? places[taken] : deal->count;
}

/* Each message goes to a member of its own choice. Returns how many were taken from the first on. */
static unsigned deliver_dealt(struct router *router, const struct match_group *group, const struct batch *batch)
{
    struct deal deal;
    deal_out(router, group, batch, &deal);
    unsigned taken = deal.count;
    for (unsigned share = 0; share < deal.share_count; share++) {
        unsigned end = deliver_share(group, batch, &deal, share);
        taken = end < taken ? end : taken;
    }
    return taken;
}

static unsigned deliver_to_group(struct router *router, const struct match_group *group, struct batch *batch)
{
    batch->group = group->name;
    if (group->member_count == 1)
        return offer_around(group, 0, batch);
    unsigned taken = 0;
    struct batch part = *batch;
    for (unsigned start = 0; start < batch->count; start += PICK_COUNT) {
        part.messages = batch->messages + start;
        part.count = batch->count - start < PICK_COUNT ? batch->count - start : PICK_COUNT;
        unsigned count = deliver_dealt(router, group, &part);
        if (taken == start)
            taken = start + count;
    }
    return taken;
}

unsigned router_deliver_group(struct router *router, const struct match *match, struct slice name, struct batch *batch)
{
    for (unsigned i = 0; i < match->group_count; i++)
        if (slice_equal(match->groups[i].name, name))
            return deliver_to_group(router, &match->groups[i], batch);
    return 0;
}

unsigned router_deliver(struct router *router, const struct match *match, struct batch *batch)
{
    unsigned taken = router_deliver_plain(router, match, batch);
    batch->has_taker |= taken || match->group_count > 1;
    for (unsigned i = 0; i < match->group_count; i++) {
        unsigned count = deliver_to_group(router, &match->groups[i], batch);
        taken = count > taken ? count : taken;
    }
    return taken;
}

static void gather_live(void *arg, struct sink *sink, struct slice group)
{
    (void)group;
    struct gather *gather = arg;
    if (!sink->keeper)
        gather_sink_at(gather, sink, gather->sink_count);
}

unsigned router_deliver_pattern(struct router *router, struct slice pattern, struct slice group, struct batch *batch)
{
    struct gather *gather = &router->gather;
    gather_begin(gather);
    index_visit_pattern(router->index, pattern, group, gather_live, gather);
    if (!gather->sink_count)
        return 0;
    if (!group.size) {
        const struct match match = { .sinks = gather->sinks, .sink_count = gather->sink_count };
        return router_deliver_plain(router, &match, batch);
    }
    const struct match_group members = { group, gather->sinks, 0, gather->sink_count };
    return deliver_to_group(router, &members, batch);
}

void router_stats(const struct router *router, struct router_stats *ret_stats)
{
    struct router_stats stats = { .hits = router->hits, .misses = router->misses };
    stats.node_count = index_node_count(router->index);
    for (unsigned i = 0; i < CACHE_SETS * CACHE_WAYS; i++) {
        const struct entry *entry = router->sets[i / CACHE_WAYS].entries[i % CACHE_WAYS];
        if (!entry || !entry_is_right(router, entry))
            continue;
        stats.cached_count++;
        stats.cached_sinks += entry->weight;
        if (entry->weight > stats.fanout_max)
            stats.fanout_max = entry->weight;
    }
    *ret_stats = stats;
}

void router_destroy(struct router *router)
{
    if (!router)
        return;
    cache_clear(router);
    free(router->scratch);
    free(router->gather.keepers);
    free(router->gather.sinks);
    free(router->gather.members);
    free(router->gather.groups);
    index_destroy(router->index);
    free(router);
}
