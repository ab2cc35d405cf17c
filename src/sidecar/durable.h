/*
 * durable: a durable consumer at the broker, by the JetStream API. It finds the stream that keeps the pattern, makes
 * the consumer or takes up the one that there is, asks for as many messages as are wanted, and tells the broker what
 * has become of each, until that has stored it.
 *
 *     away -- connected --> finding --> making --> ready -- asked --> messages
 *       ^                      ^          |          |
 *       `---- disconnected     `-- later -'----------'  the consumer is gone
 *
 * Belongs to the thread of the connection.
 */
#ifndef SIDECAR_DURABLE_H
#define SIDECAR_DURABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/slice.h"

struct durable;
struct loop;
struct ph_conn;

struct durable_settings {
    const char *name;                /* of the consumer */
    const char *pattern;
    const char *stream;              /* "": the one whose topics cover the pattern */
    bool is_ordered;                 /* a message leaves when the one before it is done with */
    bool begins_with_new;            /* a new consumer leaves out what is in the stream already */
    uint64_t ack_wait_ms;            /* after which what nobody has spoken of is delivered again */
};

/* Borrowed for the call, but for the reply, under which it is spoken of. */
struct durable_message {
    struct slice stream, topic, head, payload;
    const char *reply;
    uint64_t sequence;               /* in the stream */
    uint64_t delivery_count;         /* this one counted */
    uint64_t time_ms;                /* wall clock, when it was published */
};

/* The owner's; they may call what stands below but durable_destroy. */
struct durable_ops {
    void (*ready)(void *arg);        /* it may be asked, or for more than before */
    void (*message)(void *arg, const struct durable_message *message);
};

/* Copies the settings, borrows ops. 0 or -ENOMEM. */
int durable_create(struct loop *loop, const struct durable_settings *settings, const struct durable_ops *ops,
                   void *arg, struct durable **ret_durable);
/* What has not been stored yet is not said again. Takes NULL. */
void durable_destroy(struct durable *durable);

/* The connection stands, for the first time or anew; or is gone for now. */
void durable_connected(struct durable *durable, struct ph_conn *conn);
void durable_disconnected(struct durable *durable);

/* The stream's name where it is known; "" else. */
const char *durable_stream(const struct durable *durable);
bool durable_is_ready(const struct durable *durable);

/* Asks for so many more. */
void durable_ask(struct durable *durable, unsigned count);
/* How many are asked for and have not come. */
unsigned durable_asked_count(const struct durable *durable);
/* No more. Those that are under way still come. */
void durable_ask_no_more(struct durable *durable);

/* Says what has become of a message: "+ACK", "-NAK ...", "+TERM ...": again and again until it is stored, and whatever
 * becomes of the connection. A message that comes again although it is done with is not shown again. */
void durable_say(struct durable *durable, const char *reply, uint64_t sequence, const char *word);
/* Says that somebody still works on it. Once. */
void durable_keep(struct durable *durable, const char *reply);
/* No more, for good; what was said is still said until it is stored. */
void durable_quiesce(struct durable *durable);
/* How much was said and is not stored. */
unsigned durable_unstored_count(const struct durable *durable);
/* Nothing more comes, and all is stored; or the broker is away. */
bool durable_is_quiet(const struct durable *durable);

/* Reads the reply of a delivery. False: it is none. */
bool durable_read_reply(struct slice reply, struct durable_message *ret_message);

#endif
