#include "core/index.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/topic.h"
#include "util/hash.h"

enum edge { EDGE_LITERAL, EDGE_STAR, EDGE_REST };

struct index_node {
    struct index_node *parent;
    struct index_node *star; /* child for "*" */
    struct index_node *rest; /* child for ">" */
    struct sink *sinks;      /* plain ones */
    struct index_group *groups;
    uint32_t hash;        /* of (parent, token): where it sits in the edge table */
    uint32_t child_count; /* all three kinds */
    uint16_t token_size;
    uint8_t edge; /* how the parent holds it */
    char token[];
};

/* Open addressing, linear probing, a power of two; at most three quarters full. */
struct edge_slot {
    struct index_node *node;
    uint32_t hash;
};

/* What is still to be visited: a node, and the topic's token that its children must match. */
struct visit_step {
    struct index_node *node;
    uint32_t depth;
};

/* The tokens of a topic, cut and hashed once. */
struct token {
    const char *data;
    uint32_t size;
    uint32_t hash;
};

struct index {
    uint64_t seed;
    struct index_node *root;
    struct edge_slot *slots;
    size_t slot_count, edge_count, node_count;
    struct token tokens[TOPIC_DEPTH_LIMIT];
    struct visit_step steps[TOPIC_DEPTH_LIMIT + 2];
};

enum { SLOTS_MIN = 64 };

static uint32_t token_hash(const struct index *index, struct slice token)
{
    return (uint32_t)hash_bytes(index->seed, token.data, token.size);
}

static uint32_t edge_hash(const struct index *index, const struct index_node *parent, uint32_t token)
{
    return (uint32_t)(hash_mix((uintptr_t)parent ^ index->seed, HASH_PRIME_B ^ token) >> 16);
}

static struct index_node *node_create(struct index_node *parent, struct slice token, enum edge edge)
{
    size_t stored = edge == EDGE_LITERAL ? token.size : 0;
    struct index_node *node = calloc(1, sizeof *node + stored);
    if (!node)
        return NULL;
    node->parent = parent;
    node->edge = (uint8_t)edge;
    node->token_size = (uint16_t)stored;
    if (stored)
        memcpy(node->token, token.data, stored);
    return node;
}

struct index *index_create(uint64_t seed)
{
    struct index *index = calloc(1, sizeof *index);
    if (!index)
        return NULL;
    index->seed = seed;
    index->slot_count = SLOTS_MIN;
    index->slots = calloc(index->slot_count, sizeof *index->slots);
    index->root = node_create(NULL, slice_of(""), EDGE_LITERAL);
    if (!index->slots || !index->root) {
        index_destroy(index);
        return NULL;
    }
    return index;
}

/* The edge table. */

static size_t edge_slot_of(const struct index *index, const struct index_node *parent, uint32_t hash,
                           struct slice token)
{
    size_t mask = index->slot_count - 1, at = hash & mask;
    for (; index->slots[at].node; at = (at + 1) & mask) {
        const struct edge_slot *slot = &index->slots[at];
        if (slot->hash == hash && slot->node->parent == parent && slot->node->token_size == token.size &&
            memcmp(slot->node->token, token.data, token.size) == 0)
            break;
    }
    return at;
}

static inline struct index_node *edge_find(const struct index *index, const struct index_node *parent,
                                           uint32_t hash_of_token, struct slice token)
{
    uint32_t hash = edge_hash(index, parent, hash_of_token);
    return index->slots[edge_slot_of(index, parent, hash, token)].node;
}

static void edge_put(struct edge_slot *slots, size_t slot_count, struct edge_slot entry)
{
    size_t at = entry.hash & (slot_count - 1);
    while (slots[at].node)
        at = (at + 1) & (slot_count - 1);
    slots[at] = entry;
}

static int edges_resize(struct index *index, size_t slot_count)
{
    struct edge_slot *slots = calloc(slot_count, sizeof *slots);
    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < index->slot_count; i++)
        if (index->slots[i].node)
            edge_put(slots, slot_count, index->slots[i]);
    free(index->slots);
    index->slots = slots;
    index->slot_count = slot_count;
    return 0;
}

static int edge_insert(struct index *index, struct index_node *node)
{
    if (index->edge_count * 4 >= index->slot_count * 3) {
        int error = edges_resize(index, index->slot_count * 2);
        if (error)
            return error;
    }
    edge_put(index->slots, index->slot_count, (struct edge_slot){ node, node->hash });
    index->edge_count++;
    return 0;
}

/* Closes the gap that a removal leaves, so that probing needs no tombstones (Knuth 6.4, algorithm R). */
static void edge_remove(struct index *index, const struct index_node *node)
{
    size_t mask = index->slot_count - 1;
    size_t hole = edge_slot_of(index, node->parent, node->hash, slice_make(node->token, node->token_size));
    assert(index->slots[hole].node == node);
    for (size_t at = (hole + 1) & mask; index->slots[at].node; at = (at + 1) & mask) {
        size_t home = index->slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            index->slots[hole] = index->slots[at];
            hole = at;
        }
    }
    index->slots[hole].node = NULL;
    index->edge_count--;
    if (index->slot_count > SLOTS_MIN && index->edge_count * 8 < index->slot_count)
        edges_resize(index, index->slot_count / 2); /* where it fails, the table stays large */
}

/* Nodes. */

static enum edge edge_of(struct slice token)
{
    if (token.size == 1 && token.data[0] == '*')
        return EDGE_STAR;
    return token.size == 1 && token.data[0] == '>' ? EDGE_REST : EDGE_LITERAL;
}

static struct index_node *child_find(const struct index *index, const struct index_node *parent, struct slice token)
{
    switch (edge_of(token)) {
    case EDGE_STAR:
        return parent->star;
    case EDGE_REST:
        return parent->rest;
    default:
        return edge_find(index, parent, token_hash(index, token), token);
    }
}

static struct index_node *child_add(struct index *index, struct index_node *parent, struct slice token)
{
    enum edge edge = edge_of(token);
    struct index_node *node = node_create(parent, token, edge);
    if (!node)
        return NULL;
    if (edge == EDGE_STAR) {
        parent->star = node;
    } else if (edge == EDGE_REST) {
        parent->rest = node;
    } else {
        node->hash = edge_hash(index, parent, token_hash(index, token));
        if (edge_insert(index, node)) {
            free(node);
            return NULL;
        }
    }
    parent->child_count++;
    index->node_count++;
    return node;
}

/* Removes a node that holds nothing, and its ancestors as far as they then hold nothing either. */
static void node_prune(struct index *index, struct index_node *node)
{
    while (node->parent && !node->child_count && !node->sinks && !node->groups) {
        struct index_node *parent = node->parent;
        if (node->edge == EDGE_STAR)
            parent->star = NULL;
        else if (node->edge == EDGE_REST)
            parent->rest = NULL;
        else
            edge_remove(index, node);
        parent->child_count--;
        index->node_count--;
        free(node);
        node = parent;
    }
}

static struct index_group *group_find(struct index_node *node, struct slice name)
{
    struct index_group *group = node->groups;
    while (group && !slice_equal(slice_make(group->name, group->name_size), name))
        group = group->next;
    return group;
}

static struct index_group *group_add(struct index_node *node, struct slice name)
{
    struct index_group *group = calloc(1, sizeof *group + name.size);
    if (!group)
        return NULL;
    group->name_size = (uint32_t)name.size;
    memcpy(group->name, name.data, name.size);
    group->next = node->groups;
    node->groups = group;
    return group;
}

static void group_remove(struct index_node *node, struct index_group *group)
{
    struct index_group **link = &node->groups;
    while (*link != group)
        link = &(*link)->next;
    *link = group->next;
    free(group);
}

/* Sinks. */

static void sink_link(struct sink **list, struct sink *sink)
{
    sink->next = *list;
    if (sink->next)
        sink->next->link = &sink->next;
    sink->link = list;
    *list = sink;
}

static struct index_node *node_reach(struct index *index, struct slice pattern)
{
    struct index_node *node = index->root;
    struct slice token;
    for (size_t cursor = 0; topic_next_token(pattern, &cursor, &token);) {
        struct index_node *child = child_find(index, node, token);
        if (!child)
            child = child_add(index, node, token);
        if (!child) {
            node_prune(index, node);
            return NULL;
        }
        node = child;
    }
    return node;
}

int index_add(struct index *index, struct sink *sink, struct slice pattern, struct slice group)
{
    struct index_node *node = node_reach(index, pattern);
    if (!node)
        return -ENOMEM;
    struct index_group *in = NULL;
    if (group.size) {
        in = group_find(node, group);
        if (!in)
            in = group_add(node, group);
        if (!in) {
            node_prune(index, node);
            return -ENOMEM;
        }
    }
    sink->node = node;
    sink->group = in;
    sink_link(in ? &in->members : &node->sinks, sink);
    return 0;
}

void index_remove(struct index *index, struct sink *sink)
{
    struct index_node *node = sink->node;
    assert(node);
    *sink->link = sink->next;
    if (sink->next)
        sink->next->link = sink->link;
    if (sink->group && !sink->group->members)
        group_remove(node, sink->group);
    sink->node = NULL;
    sink->group = NULL;
    node_prune(index, node);
}

/* Matching. */

static unsigned topic_cut(struct index *index, struct slice topic)
{
    unsigned count = 0;
    struct slice token;
    for (size_t cursor = 0; topic_next_token(topic, &cursor, &token);) {
        if (count == TOPIC_DEPTH_LIMIT || token.size == 0)
            return 0;
        index->tokens[count++] = (struct token){ token.data, (uint32_t)token.size, token_hash(index, token) };
    }
    return count;
}

static void node_visit(const struct index_node *node, index_visit *visit, void *arg)
{
    for (struct sink *sink = node->sinks; sink; sink = sink->next)
        visit(arg, sink, slice_make(NULL, 0));
    for (struct index_group *group = node->groups; group; group = group->next)
        for (struct sink *sink = group->members; sink; sink = sink->next)
            visit(arg, sink, slice_make(group->name, group->name_size));
}

/* Depth first with a stack of our own: each step leaves at most one branch behind, so depth bounds it. */
void index_match(struct index *index, struct slice topic, index_visit *visit, void *arg)
{
    unsigned depth_end = topic_cut(index, topic), step_count = 0;
    unsigned wild_from = topic_is_reserved(topic); /* the first token for which wildcards stand */
    if (depth_end == 0)
        return;
    index->steps[step_count++] = (struct visit_step){ index->root, 0 };
    while (step_count) {
        struct visit_step step = index->steps[--step_count];
        if (step.depth == depth_end) {
            node_visit(step.node, visit, arg);
            continue;
        }
        if (step.node->rest && step.depth >= wild_from)
            node_visit(step.node->rest, visit, arg);
        if (step.node->star && step.depth >= wild_from)
            index->steps[step_count++] = (struct visit_step){ step.node->star, step.depth + 1 };
        const struct token *token = &index->tokens[step.depth];
        struct index_node *child = edge_find(index, step.node, token->hash, slice_make(token->data, token->size));
        if (child)
            index->steps[step_count++] = (struct visit_step){ child, step.depth + 1 };
    }
}

/* The first of the sinks under a pattern and group; NULL: there are none. */
static struct sink *sinks_under(const struct index *index, struct slice pattern, struct slice group)
{
    struct index_node *node = index->root;
    struct slice token;
    for (size_t cursor = 0; node && topic_next_token(pattern, &cursor, &token);)
        node = child_find(index, node, token);
    if (!node)
        return NULL;
    struct index_group *in = group.size ? group_find(node, group) : NULL;
    return group.size ? (in ? in->members : NULL) : node->sinks;
}

void index_visit_pattern(struct index *index, struct slice pattern, struct slice group, index_visit *visit, void *arg)
{
    for (struct sink *sink = sinks_under(index, pattern, group); sink; sink = sink->next)
        visit(arg, sink, group);
}

struct sink *index_find(struct index *index, struct slice pattern, struct slice group,
                        bool (*is_it)(const struct sink *sink, const void *arg), const void *arg)
{
    struct sink *sink = sinks_under(index, pattern, group);
    while (sink && !is_it(sink, arg))
        sink = sink->next;
    return sink;
}

static struct slice node_token(const struct index_node *node)
{
    static const char *const wildcards[] = { [EDGE_STAR] = "*", [EDGE_REST] = ">" };
    return node->edge == EDGE_LITERAL ? slice_make(node->token, node->token_size) : slice_of(wildcards[node->edge]);
}

size_t index_pattern(const struct sink *sink, char *out, size_t size)
{
    size_t total = 0;
    for (const struct index_node *node = sink->node; node->parent; node = node->parent)
        total += node_token(node).size + 1;
    if (total == 0 || --total > size)
        return 0;
    char *at = out + total;
    for (const struct index_node *node = sink->node; node->parent; node = node->parent) {
        struct slice token = node_token(node);
        at -= token.size;
        memcpy(at, token.data, token.size);
        if (at > out)
            *--at = '.';
    }
    return total;
}

size_t index_node_count(const struct index *index)
{
    return index->node_count;
}

static void node_free(struct index_node *node)
{
    while (node->groups)
        group_remove(node, node->groups);
    free(node);
}

/*
 * Literal nodes are all in the table (NULL: creation failed half-way); wildcard nodes hang off their parents and are
 * freed with them, without recursion.
 */
void index_destroy(struct index *index)
{
    if (!index)
        return;
    struct index_node *todo = index->root;
    for (size_t i = 0; index->slots && i < index->slot_count; i++) {
        struct index_node *node = index->slots[i].node;
        if (node) {
            node->parent = todo;
            todo = node;
        }
    }
    while (todo) {
        struct index_node *node = todo, *wild[] = { node->star, node->rest };
        todo = node->parent;
        for (unsigned i = 0; i < 2; i++)
            if (wild[i]) {
                wild[i]->parent = todo;
                todo = wild[i];
            }
        node_free(node);
    }
    free(index->slots);
    free(index);
}
