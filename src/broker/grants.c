#include "broker/grants.h"

#include <stdlib.h>

#include "util/hash.h"

enum { TOPIC_ROOM = 78 }; /* a known topic is two lines of the processor's cache at most */

struct known {
    uint64_t hash;
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
    struct known known[GRANTS_TOPICS];
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

static uint64_t hash_of(const struct grants *grants, enum grant grant, struct slice topic)
{
    return hash_bytes(grants->seed + grant, topic.data, topic.size);
}

bool grants_recall(const struct grants *grants, enum grant grant, struct slice topic)
{
    uint64_t hash = hash_of(grants, grant, topic);
    const struct known *known = &grants->known[hash % GRANTS_TOPICS];
    return known->hash == hash && known->size && known->grant == grant &&
           slice_equal(slice_make(known->topic, known->size), topic);
}

void grants_learn(struct grants *grants, enum grant grant, struct slice topic)
{
    uint64_t hash = hash_of(grants, grant, topic);
    struct known *known = &grants->known[hash % GRANTS_TOPICS];
    if (!topic.size || topic.size > TOPIC_ROOM)
        return;
    *known = (struct known){ .hash = hash, .grant = (uint8_t)grant, .size = (uint8_t)topic.size };
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
