/*
 * item: one message of a batch, {"topic","data"|"data_base64","headers","id"}, read from JSON. Members that it has
 * besides are let pass: what was read from a topic may be published as it is. Belongs to the worker's thread.
 */
#ifndef HTTP_ITEM_H
#define HTTP_ITEM_H

#include "core/sink.h"
#include "http/problem.h"

struct calls;

/* The members, as JSON lies in the body; size 0: it has none of that name. */
struct item {
    struct slice topic, data, data_base64, headers, id;
};

/* Why an item is not published. */
struct fault {
    enum problem_kind kind;
    const char *detail;
};

/* False where the text is no JSON object. */
bool item_read(struct slice text, struct item *ret_item);

/* The message of an item, whose text has so many bytes: it lies in calls->message, its topic in calls->name. False
 * where the item is bad, and *ret_fault says why. */
bool item_read_message(struct calls *calls, const struct item *item, size_t size, struct slice *ret_topic,
                       struct message *ret_message, struct fault *ret_fault);

#endif
