#include "stub.h"

#include <assert.h>

static unsigned stub_deliver(struct sink *sink, const struct batch *batch)
{
    struct stub *stub = stub_of(sink);
    unsigned count = batch->count < stub->left ? batch->count : stub->left;
    assert(batch->count > 0);
    for (unsigned i = 0; i < count; i++)
        stub->log[(stub->taken + i) % STUB_LOG] = batch->messages[i].body_size;
    if (stub->left != STUB_ENDLESS)
        stub->left -= count;
    stub->taken += count;
    stub->call_count++;
    stub->last = *batch;
    return count;
}

static unsigned stub_room(const struct sink *sink, const struct batch *batch)
{
    const struct stub *stub = (const struct stub *)sink;
    return batch->count < stub->left ? batch->count : stub->left;
}

static const struct sink_ops stub_ops = { .room = stub_room, .deliver = stub_deliver };
static const struct sink_ops abrupt_ops = { .deliver = stub_deliver };

void stub_init(struct stub *stub)
{
    *stub = (struct stub){ .sink = { .ops = &stub_ops, .weight = 1 }, .left = STUB_ENDLESS };
}

void stub_init_far(struct stub *stub, struct stub *target, unsigned weight)
{
    stub_init(stub);
    stub->sink.target = &target->sink;
    stub->sink.weight = weight;
}

void stub_init_abrupt(struct stub *stub)
{
    stub_init(stub);
    stub->sink.ops = &abrupt_ops;
}

struct router *stub_router(uint64_t seed)
{
    static const struct topic_limits limits = { .size_max = 1 << 20, .depth_max = TOPIC_DEPTH_LIMIT };
    struct router *router = router_create(seed, &limits);
    assert(router);
    return router;
}

void stub_messages(struct message *messages, unsigned count, uint32_t first)
{
    for (unsigned i = 0; i < count; i++)
        messages[i] = (struct message){ .body = "\r\n", .body_size = first + i };
}

unsigned stub_publish(struct router *router, const char *topic, unsigned count, uint32_t first)
{
    struct message messages[STUB_LOG];
    assert(count <= STUB_LOG);
    stub_messages(messages, count, first);
    const struct match *match = router_match(router, slice_of(topic));
    struct batch batch = { .topic = match->topic, .messages = messages, .count = count, .serial = first + 1 };
    return router_deliver(router, match, &batch);
}
