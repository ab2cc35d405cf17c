/*
 * jetstream: streams and consumers as clients of NATS know them: the JetStream API under $JS.API., and the consumers
 * that hand out messages and take acknowledgements.
 *
 *   letters     what has come under $JS. in a delivery, to be looked at in the turn
 *   api         the table of what can be asked for; requests, their waiting and their answers
 *   answer      the words of answers, and of errors
 *   streams, messages, consumers    the endpoints
 *   judge       who may ask what; roll: what each consumer reads, for all workers
 *   clerk       a thread for what touches the disk: making and removing streams
 *   home        what a stream has on the worker on which its consumers live
 *   seat        one consumer there: its work, its position, its end
 *   deliver     what a consumer hands out, as messages and statuses
 *   ack         what clients say of messages
 *   dead        messages that nobody could deal with
 *   retention   taking out what all consumers are done with
 *
 * A request is looked at on the worker where it was published; what concerns consumers travels on to their stream's
 * home by a survey; streams are made, changed and removed by the clerk, a thread of its own that all workers share. One
 * for each worker; belongs to its thread.
 */
#ifndef JETSTREAM_JETSTREAM_H
#define JETSTREAM_JETSTREAM_H

#include <stdbool.h>

struct broker;
struct clerk;
struct roll;
struct jetstream;
struct jetstream_stored;
struct loop;
struct meta;
struct stream_registry;

struct jetstream_setup {
    unsigned number, worker_count;
    struct loop *loop;
    struct broker *broker;           /* gets its keepers from here */
    struct stream_registry *registry;
    struct meta *meta;               /* NULL: nothing outlives the daemon */
    struct clerk *clerk;
    struct roll *roll;               /* NULL: nobody's rights are limited */
    const struct jetstream_stored *stored; /* NULL: nothing is stored */
};

/* Borrows what setup points to; stored only until jetstream_start. 0 or -ENOMEM. */
int jetstream_create(const struct jetstream_setup *setup, struct jetstream **ret_jetstream);

/* When the worker is tied to the others: ties the streams, and takes up the consumers of those whose home it is. 0 or
 * -ENOMEM. */
int jetstream_start(struct jetstream *jetstream);

/* Before the loop flushes at the end of a turn: answers, delivers. True where there is more to do at once. */
bool jetstream_turn(struct jetstream *jetstream);

/* The last thing in a turn: what was published in it is committed from now on. */
void jetstream_turn_end(struct jetstream *jetstream);

/* The server is about to stop: takes no more requests, and hands nothing out. What is under way goes on; busy tells
 * whether something is. */
void jetstream_quiesce(struct jetstream *jetstream);
bool jetstream_is_busy(struct jetstream *jetstream);

/* The loop has ended: puts into meta how far its consumers have come. The thread that ran it. */
void jetstream_leave(struct jetstream *jetstream);

/* When meta is closed. Takes NULL. */
void jetstream_destroy(struct jetstream *jetstream);

/* What is stored of consumers, read before meta is started. Those of streams that are not in the registry are removed.
 * 0 or -errno. */
int jetstream_load(struct meta *meta, struct stream_registry *registry, struct jetstream_stored **ret_stored);
/* Takes NULL. */
void jetstream_stored_destroy(struct jetstream_stored *stored);

#endif
