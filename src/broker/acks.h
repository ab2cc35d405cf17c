/*
 * acks: publishers who are to hear what became of their messages, first come, first served: a run of bytes, so that one
 * more costs no allocation. And the words that they are told, as clients of NATS parse them. Belongs to one thread.
 */
#ifndef BROKER_ACKS_H
#define BROKER_ACKS_H

#include "core/sink.h"

/* One of them; the topic for the answer stands behind it. */
struct ack {
    uint64_t sequence;               /* under which the message is kept; of one that is not: receipt.found */
    uint32_t reply_size;
    uint32_t run;                    /* answers that this one stands for, itself counted; 0 is 1 */
    uint8_t verdict;                 /* enum receipt_verdict */
    bool duplicate;
};

/* Zero is empty. */
struct acks {
    char *bytes;
    size_t head, tail, room;
};

/* Bytes that one takes. */
static inline size_t ack_size(uint32_t reply_size)
{
    return (sizeof(struct ack) + reply_size + 7) & ~(size_t)7;
}

/* Makes room for so many bytes more. False: out of memory. */
bool acks_reserve(struct acks *acks, size_t size);

/* Puts one behind the others. There is room. */
void acks_add(struct acks *acks, const struct ack *ack, const char *reply);

/* The first, with its topic; NULL: none. Borrowed until something is added. */
static inline const struct ack *acks_first(const struct acks *acks, struct slice *ret_reply)
{
    if (acks->head == acks->tail)
        return NULL;
    const struct ack *ack = (const struct ack *)(const void *)(acks->bytes + acks->head);
    *ret_reply = slice_make((const char *)(ack + 1), ack->reply_size);
    return ack;
}

static inline void acks_drop_first(struct acks *acks)
{
    acks->head += ack_size(((const struct ack *)(const void *)(acks->bytes + acks->head))->reply_size);
}

/* Drops the first ones as long as the next one's answer can stand for them, and returns how many: of those of a run,
 * whose replies are $POSTHORN.ACK.TOKEN.N and the numbers behind N, and whose messages are kept one behind the other.
 * None that has a sequence above last. */
uint32_t acks_drop_run(struct acks *acks, uint64_t last);

static inline bool acks_is_empty(const struct acks *acks)
{
    return acks->head == acks->tail;
}

void acks_finish(struct acks *acks);

/* The words. */

/* What all answers of a stream have in common, written once. */
struct ack_words {
    char *text;                      /* `{"stream":"NAME", "seq":` */
    size_t size, name_at, name_size; /* the name with its quotes */
};

/* 0 or -ENOMEM. */
int ack_words_init(struct ack_words *words, const char *stream);
void ack_words_finish(struct ack_words *words);

/* A refusal without detail takes no more than this beyond the name. */
enum { ACK_REFUSAL_SIZE_MAX = 192 };

/* Bytes that ack_write writes at most, with the CR LF that goes behind a body. */
size_t ack_write_size_max(const struct ack_words *words, struct slice detail);

/* Writes an answer and CR LF at out, and returns the end of the answer. detail: of RECEIPT_WRONG_ID the id that was
 * found. */
char *ack_write(char *out, const struct ack_words *words, const struct ack *ack, struct slice detail);

/* Reads what a stream has answered, or any other server that answers so: what became of the message, the name of the
 * stream, as it stands in the JSON, and its sequence. Where none keeps the topic the name is empty. False: it makes no
 * sense. */
struct ack_found {
    struct slice stream;             /* a string of JSON; no data: there is none */
    uint64_t sequence;
    uint32_t run;                    /* of answers that it stands for; 1 at least */
    bool duplicate;
    enum receipt_verdict verdict;
    struct slice description;        /* of a refusal, likewise */
};
bool ack_words_read(struct slice text, struct ack_found *ret_found);

#endif
