/*
 * sender: how a message of the spool looks on its way to the broker, and to what an answer belongs.
 *
 *   Nats-Msg-Id: NAME.EPOCH.SEQUENCE             the same however often it goes; or the application's own
 *   $POSTHORN.ACK.TRAIN.SPOOL.NUMBER.SEQUENCE    the reply topic (core/train.h); a train begins with the oldest message
 *                                                that is not done with, whenever it is sent anew
 */
#ifndef SIDECAR_SENDER_H
#define SIDECAR_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/slice.h"

struct ph_conn;
struct stream_message;

struct sender {
    uint64_t train, first_train;     /* of what is sent, and the first of this connection */
    size_t train_at, reply_size;     /* of reply: up to the train's number, and behind it */
    size_t line_size;                /* of id_line, up to the sequence */
    char reply[128], id_line[320];
};

/* name: of the sidecar; epoch: of the spool's stream. */
void sender_init(struct sender *sender, const char *name, uint64_t epoch);

/* A connection begins: its trains are no others'. */
void sender_begin(struct sender *sender);

/* Another train begins. */
void sender_begin_train(struct sender *sender);

/* Where the answers come in: a pattern, written at out. */
void sender_write_pattern(const struct sender *sender, char *out, size_t size);

/* Sends a message. Returns an error of libposthorn. */
int sender_send(struct sender *sender, struct ph_conn *conn, const struct stream_message *message);

/* Reads the topic of an answer. False: it is of another connection. *ret_is_old: of a train that has ended. */
bool sender_read_answer(const struct sender *sender, struct slice topic, uint64_t *ret_sequence, bool *ret_is_old);

#endif
