/*
 * letters: messages that have come in a delivery and are looked at afterwards, in order: nothing may be published, and
 * no sink may come or go, within a delivery. A run of bytes, so that one more costs no allocation. Belongs to one
 * thread.
 */
#ifndef JETSTREAM_LETTERS_H
#define JETSTREAM_LETTERS_H

#include "auth/rights.h"
#include "core/sink.h"

struct asked;

/* One of them; user, topic, reply and body (headers, then payload) stand behind it. */
struct letter {
    const struct rights *rights; /* of who sent it, a reference; NULL: everything */
    struct asked *asked;         /* NULL: nothing is told of it */
    uint32_t user_size, topic_size, reply_size, head_size, body_size;
};

/* Zero is empty. */
struct letters {
    char *bytes;
    size_t size, room;
    bool holds; /* rights of some sender, or what is to be told */
};

/* Copies a message with the name of the user who sent it (empty: nobody's in particular, or nobody will ask), refers to
 * his rights, and takes what is to be told of it (broker/asked.h; NULL: nothing). False: out of memory, and nothing is
 * taken. */
bool letters_add(struct letters *letters, struct slice topic, const struct message *message, struct slice user,
                 const struct rights *rights, struct asked *asked);

/* Walks what is there: starts with *cursor = 0; false behind the last. Slices are borrowed until one is added. */
struct letter_text {
    const struct rights *rights;
    struct asked **asked; /* who takes it puts NULL there */
    struct slice user, topic, reply, head, payload;
};
bool letters_next(const struct letters *letters, size_t *cursor, struct letter_text *ret_text);

/* Forgets all, but not the room. */
void letters_clear(struct letters *letters);
void letters_finish(struct letters *letters);

#endif
