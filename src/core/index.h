/*
 * index: which sinks want a topic. A trie of tokens whose edges all live in one hash table keyed by (node, token), so
 * that a node with one child costs no table of its own; wildcards hang off their node directly.
 *
 *       root --orders--> n1 --*--> n2 --paid--> n3 {sink, sink}        orders.*.paid
 *                         `---->--> n4 {sink, group "billing"{...}}    orders.>
 *
 * Belongs to one worker. Nothing recurses: depth is bounded by TOPIC_DEPTH_LIMIT.
 */
#ifndef CORE_INDEX_H
#define CORE_INDEX_H

#include "core/sink.h"

struct index;

/* A group at one node: members that share its messages. */
struct index_group {
    struct index_group *next;
    struct sink *members;
    uint32_t name_size;
    char name[];
};

/* Called for each sink that wants a topic: group is the empty slice for plain ones. */
typedef void index_visit(void *arg, struct sink *sink, struct slice group);

/* NULL: out of memory. */
struct index *index_create(uint64_t seed);

/* Frees the index; sinks still in it are forgotten, not touched. */
void index_destroy(struct index *index);

/* Puts a sink under a valid pattern. 0 or -ENOMEM. The index keeps neither slice. */
int index_add(struct index *index, struct sink *sink, struct slice pattern, struct slice group);

/* Takes it out again, and the nodes that only it needed. */
void index_remove(struct index *index, struct sink *sink);

/* Visits every sink whose pattern names the topic; one that is reserved (topic.h), in its first token by name. */
void index_match(struct index *index, struct slice topic, index_visit *visit, void *arg);

/* Visits the sinks that stand under exactly this pattern, until visit returns true; returns that sink or NULL. */
struct sink *index_find(struct index *index, struct slice pattern, struct slice group,
                        bool (*is_it)(const struct sink *sink, const void *arg), const void *arg);

/* Visits the sinks that stand under exactly this pattern and group; group empty: plain ones. */
void index_visit_pattern(struct index *index, struct slice pattern, struct slice group, index_visit *visit, void *arg);

/* The pattern under which a sink stands, written at out (room for size bytes). Returns its length, 0: no room. */
size_t index_pattern(const struct sink *sink, char *out, size_t size);

/* Nodes in the trie, the root not counted. */
size_t index_node_count(const struct index *index);

#endif
