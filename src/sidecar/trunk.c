#include "sidecar/trunk.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/broker.h"
#include "libposthorn/posthorn.h"
#include "sidecar/origin.h"
#include "util/hash.h"
#include "util/random.h"

enum {
    BUCKETS_MIN = 16,
    BODY_KEPT_MAX = 256 << 10, /* room that is kept for the next message */
};

struct trunk {
    struct trunks *trunks;
    struct ph_sub *sub;
    struct trunk *next;
    uint64_t hash;
    uint32_t sink_count;
    uint32_t pattern_size, group_size;
    char text[]; /* pattern, NUL, group, NUL */
};

static struct slice pattern_of(const struct trunk *trunk)
{
    return slice_make(trunk->text, trunk->pattern_size);
}

static struct slice group_of(const struct trunk *trunk)
{
    return slice_make(trunk->text + trunk->pattern_size + 1, trunk->group_size);
}

/* What comes. */

/* Headers, payload and CR LF in one piece. NULL: out of memory. */
static const char *lay_out(struct trunks *trunks, const struct ph_message *message)
{
    size_t size = message->headers_size + message->payload_size + 2;
    if (size > trunks->body_room) {
        free(trunks->body);
        trunks->body = malloc(size);
        trunks->body_room = trunks->body ? size : 0;
    }
    if (!trunks->body)
        return NULL;
    memcpy(trunks->body, message->headers, message->headers_size);
    memcpy(trunks->body + message->headers_size, message->payload, message->payload_size);
    memcpy(trunks->body + size - 2, "\r\n", 2);
    return trunks->body;
}

static void give_back_room(struct trunks *trunks)
{
    if (trunks->body_room <= BODY_KEPT_MAX)
        return;
    free(trunks->body);
    trunks->body = NULL;
    trunks->body_room = 0;
}

/* What a broker says where nobody took a request. */
static bool is_no_responders(const struct ph_message *message)
{
    static const char block[] = "NATS/1.0 503\r\n\r\n";
    return message->payload_size == 0 && slice_is(slice_make(message->headers, message->headers_size), block);
}

static void on_message(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    struct trunk *trunk = arg;
    struct trunks *trunks = trunk->trunks;
    (void)sub;
    const struct message inner = {
        .body = lay_out(trunks, message),
        .reply = message->reply,
        .head_size = (uint32_t)message->headers_size,
        .body_size = (uint32_t)(message->headers_size + message->payload_size),
        .reply_size = (uint32_t)message->reply_size,
    };
    struct batch batch = {
        .topic = slice_make(message->topic, message->topic_size),
        .messages = &inner,
        .count = 1,
        .origin = origin_of(trunks->origin, trunks->broker, slice_make(message->headers, message->headers_size)),
        .no_responders = is_no_responders(message),
        .serial = broker_next_serial(trunks->broker),
    };
    trunks->messages_in++;
    if (inner.body)
        router_deliver_pattern(trunks->broker->router, pattern_of(trunk), group_of(trunk), &batch);
    give_back_room(trunks);
}

/* The table. */

void trunks_init(struct trunks *trunks, struct broker *broker, const struct origin *origin, struct ph_conn *conn)
{
    *trunks = (struct trunks){ .broker = broker, .origin = origin, .conn = conn };
    random_bytes(&trunks->seed, sizeof trunks->seed);
}

static uint64_t hash_of(const struct trunks *trunks, struct slice pattern, struct slice group)
{
    return hash_bytes(hash_bytes(trunks->seed, pattern.data, pattern.size), group.data, group.size);
}

/* The link that holds the trunk, or where it would be. The table has buckets. */
static struct trunk **place_of(const struct trunks *trunks, uint64_t hash, struct slice pattern, struct slice group)
{
    struct trunk **link = &trunks->buckets[hash & (trunks->bucket_count - 1)];
    while (*link &&
           !((*link)->hash == hash && slice_equal(pattern_of(*link), pattern) && slice_equal(group_of(*link), group)))
        link = &(*link)->next;
    return link;
}

static int make_room(struct trunks *trunks)
{
    uint32_t count = trunks->bucket_count ? trunks->bucket_count * 2 : BUCKETS_MIN;
    if (trunks->count < trunks->bucket_count)
        return 0;
    struct trunk **buckets = calloc(count, sizeof *buckets);
    if (!buckets)
        return -ENOMEM;
    for (uint32_t i = 0; i < trunks->bucket_count; i++)
        while (trunks->buckets[i]) {
            struct trunk *trunk = trunks->buckets[i], **bucket = &buckets[trunk->hash & (count - 1)];
            trunks->buckets[i] = trunk->next;
            trunk->next = *bucket;
            *bucket = trunk;
        }
    free(trunks->buckets);
    trunks->buckets = buckets;
    trunks->bucket_count = count;
    return 0;
}

static int trunk_open(struct trunks *trunks, uint64_t hash, struct slice pattern, struct slice group,
                      struct trunk **ret_trunk)
{
    struct trunk *trunk = calloc(1, sizeof *trunk + pattern.size + group.size + 2);
    if (!trunk)
        return -ENOMEM;
    trunk->trunks = trunks;
    trunk->hash = hash;
    trunk->pattern_size = (uint32_t)pattern.size;
    trunk->group_size = (uint32_t)group.size;
    memcpy(trunk->text, pattern.data, pattern.size);
    if (group.size)
        memcpy(trunk->text + pattern.size + 1, group.data, group.size);
    int error = ph_subscribe(trunks->conn, trunk->text, group.size ? group_of(trunk).data : NULL, on_message, trunk,
                             &trunk->sub);
    if (error) {
        free(trunk);
        return error == PH_E_MEMORY ? -ENOMEM : -EIO;
    }
    *ret_trunk = trunk;
    return 0;
}

int trunks_join(struct trunks *trunks, struct slice pattern, struct slice group)
{
    int error = make_room(trunks);
    if (error)
        return error;
    uint64_t hash = hash_of(trunks, pattern, group);
    struct trunk **link = place_of(trunks, hash, pattern, group), *trunk = *link;
    if (!trunk) {
        error = trunk_open(trunks, hash, pattern, group, &trunk);
        if (error)
            return error;
        *link = trunk;
        trunks->count++;
        trunks->said_count++;
    }
    trunk->sink_count++;
    return 0;
}

void trunks_leave(struct trunks *trunks, struct slice pattern, struct slice group)
{
    struct trunk **link, *trunk = NULL;
    if (trunks->bucket_count) {
        link = place_of(trunks, hash_of(trunks, pattern, group), pattern, group);
        trunk = *link;
    }
    if (!trunk || --trunk->sink_count)
        return;
    *link = trunk->next;
    trunks->count--;
    ph_sub_destroy(trunk->sub);
    free(trunk);
}

void trunks_finish(struct trunks *trunks)
{
    for (uint32_t i = 0; i < trunks->bucket_count; i++)
        while (trunks->buckets[i]) {
            struct trunk *trunk = trunks->buckets[i];
            trunks->buckets[i] = trunk->next;
            ph_sub_destroy(trunk->sub);
            free(trunk);
        }
    free(trunks->buckets);
    free(trunks->body);
}
