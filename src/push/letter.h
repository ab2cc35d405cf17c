/*
 * letter: a message that a webhook gave up, as it is kept: the same topic's token in its stream of dead letters as the
 * consumer's, headers that say why it died, and the payload; and how the message is found in it again. Pure; any
 * thread.
 */
#ifndef PUSH_LETTER_H
#define PUSH_LETTER_H

#include "core/sink.h"
#include "stream/stream.h"

enum { LETTER_TOPIC_SIZE = 384 };

struct letter {
    const char *stream, *consumer;
    uint64_t epoch;                  /* of the stream */
    const struct stream_message *message;
    uint64_t attempt_count;
    struct slice words;
};

/* "$DEAD.<stream>.<consumer>" */
struct slice letter_topic(const char *stream, const char *consumer, char room[LETTER_TOPIC_SIZE]);

/* The message; its body is to be freed. 0 or -ENOMEM. Its id is the same whenever it is made of the same message, so
 * that it is kept once. */
int letter_make(const struct letter *letter, struct message *ret_message);

/* What a letter says. */
struct letter_content {
    struct slice id;                 /* webhook-id, under which the message was sent: a cursor */
    struct cursor cursor;            /* the same: the epoch of its stream, and its sequence there */
    struct slice stream, topic, words;
    uint64_t time_ms;                /* of the message */
    uint64_t attempt_count;
};

/* Borrows from the message. False: it is no letter of a webhook. */
bool letter_read(const struct stream_message *message, struct letter_content *ret_content);

/* The message as it was. Its headers are made anew in *ret_head, to be freed; the rest is borrowed. 0 or -ENOMEM. */
int letter_open(const struct stream_message *message, const struct letter_content *content,
                struct stream_message *ret_message, char **ret_head);

#endif
