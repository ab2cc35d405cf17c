/*
 * letters: messages that have come in a delivery and are looked at afterwards, in order: nothing may be published, and
 * no sink may come or go, within a delivery. A run of bytes, so that one more costs no allocation. Belongs to one
 * thread.
 */
#ifndef JETSTREAM_LETTERS_H
#define JETSTREAM_LETTERS_H

#include "auth/rights.h"
#include "core/sink.h"

/* One of them; user, topic, reply and body (headers, then payload) stand behind it. */
struct letter {
    const struct rights *rights; /* of who sent it, a reference; NULL: everything */
    uint32_t user_size, topic_size, reply_size, head_size, body_size;
};

/* Zero is empty. */
struct letters {
    char *bytes;
    size_t size, room;
    bool has_rights; /* of some sender */
};

/* Copies a message with the name of the user who sent it (empty: nobody's in particular, or nobody will ask), and
 * refers to his rights. False: out of memory. */
bool letters_add(struct letters *letters, struct slice topic, const struct message *message, struct slice user,
                 const struct rights *rights);

/* Walks what is there: starts with *cursor = 0; false behind the last. Slices are borrowed until one is added. */
struct letter_text {
    const struct rights *rights;
    struct slice user, topic, reply, head, payload;
};
bool letters_next(const struct letters *letters, size_t *cursor, struct letter_text *ret_text);

/* Forgets all, but not the room. */
void letters_clear(struct letters *letters);
void letters_finish(struct letters *letters);

#endif
