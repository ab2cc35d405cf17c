#include "broker/grants.h"

#include <stdlib.h>

#include "util/hash.h"

enum {
    TOPIC_ROOM = 94, /* the longest topic that is remembered */
    WAYS = 4,        /* places that a topic may have: so that a few that are used in turn do not drive each other out */
    SETS = GRANTS_TOPICS / WAYS,
};

struct known {
    uint8_t grant, size; /* 0: none */
    char topic[TOPIC_ROOM];
};

struct reply {
    uint64_t hash, due_ms;
    char *topic;         /* NULL: none */
    uint32_t size;
    unsigned left;
};

struct grants {
    uint64_t seed;
    uint64_t hashes[SETS][WAYS];
    struct known known[SETS][WAYS];
    uint8_t next_way;
    struct reply *replies; /* a ring of GRANTS_REPLIES; NULL: none so far */
    unsigned reply_end;    /* where the next stands, in place of the oldest */
};

struct grants *grants_create(uint64_t seed)
{
    struct grants *grants = calloc(1, sizeof *grants);
    if (grants)
        grants->seed = seed;
    return grants;
}

static void drop_replies(struct grants *grants)
{
    for (unsigned i = 0; grants->replies && i < GRANTS_REPLIES; i++)
        free(grants->replies[i].topic);
    free(grants->replies);
    grants->replies = NULL;
}

void grants_destroy(struct grants *grants)
{
    if (!grants)
        return;
    drop_replies(grants);
    free(grants);
}

void grants_forget(struct grants *grants)
{
    drop_replies(grants);
    memset(grants->known, 0, sizeof grants->known);
}

/* Topics. */

/* Of the start and the end alone: what is found is compared as a whole, so that no more is needed than a place. */
static uint64_t hash_of(const struct grants *grants, enum grant grant, struct slice topic)
{
    uint64_t start = 0, end = 0;
    if (topic.size < 8)
        return hash_bytes(grants->seed + grant, topic.data, topic.size);
    memcpy(&start, topic.data, 8);
    memcpy(&end, topic.data + topic.size - 8, 8);
    return hash_mix(start ^ grants->seed, end ^ (topic.size * 2 + grant + HASH_PRIME_A));
}

/* Eight bytes at a time, the last perhaps once more. */
static bool is_same(const struct known *known, struct slice topic)
{
    uint64_t a, b;
    if (topic.size < 8)
        return memcmp(known->topic, topic.data, topic.size) == 0;
    for (size_t at = 0; at < topic.size; at = at + 8 < topic.size && at + 16 > topic.size ? topic.size - 8 : at + 8) {
        memcpy(&a, known->topic + at, 8);
        memcpy(&b, topic.data + at, 8);
        if (a != b)
            return false;
    }
    return true;
}

bool grants_recall(const struct grants *grants, enum grant grant, struct slice topic)
{
    uint64_t hash = hash_of(grants, grant, topic);
    const uint64_t *hashes = grants->hashes[hash % SETS];
    for (unsigned way = 0; way < WAYS; way++) {
        const struct known *known = &grants->known[hash % SETS][way];
        if (hashes[way] == hash && known->size && known->size == topic.size && known->grant == grant)
            return is_same(known, topic);
    }
    return false;
}

void grants_learn(struct grants *grants, enum grant grant, struct slice topic)
{
    uint64_t hash = hash_of(grants, grant, topic);
    unsigned way = grants->next_way++ % WAYS;
    struct known *known = &grants->known[hash % SETS][way];
    if (!topic.size || topic.size > TOPIC_ROOM)
        return;
    grants->hashes[hash % SETS][way] = hash;
    known->grant = (uint8_t)grant;
    known->size = (uint8_t)topic.size;
    memcpy(known->topic, topic.data, topic.size);
}

/* Replies. */

void grants_note_reply(struct grants *grants, struct slice topic, unsigned count, uint64_t due_ms)
{
    if (!grants->replies)
        grants->replies = calloc(GRANTS_REPLIES, sizeof *grants->replies);
    char *copy = grants->replies && topic.size ? malloc(topic.size) : NULL;
    if (!copy)
        return;
    struct reply *reply = &grants->replies[grants->reply_end++ % GRANTS_REPLIES];
    free(reply->topic);
    *reply = (struct reply){
        .hash = hash_of(grants, GRANT_PUBLISH, topic),
        .due_ms = due_ms,
        .topic = memcpy(copy, topic.data, topic.size),
        .size = (uint32_t)topic.size,
        .left = count,
    };
}

bool grants_take_reply(struct grants *grants, struct slice topic, uint64_t now_ms)
{
    uint64_t hash = hash_of(grants, GRANT_PUBLISH, topic);
    for (unsigned i = 0; grants->replies && i < GRANTS_REPLIES; i++) {
        struct reply *reply = &grants->replies[i];
        if (reply->hash != hash || !reply->left || reply->due_ms < now_ms ||
            !slice_equal(slice_make(reply->topic, reply->size), topic))
            continue;
        reply->left--;
        return true;
    }
    return false;
}
