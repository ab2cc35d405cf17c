/*
 * pull: messages from a consumer that is pulled from. One request after the other is under way; each asks for so many
 * messages, and ends when they have come or its time is over. What has been printed is acknowledged.
 */
#ifndef POSTHORN_PULL_H
#define POSTHORN_PULL_H

#include "api.h"

struct pull {
    struct api *api;
    const char *stream, *consumer; /* borrowed */
    void (*taken)(void *arg, const struct ph_message *message);
    void *arg;
    char inbox[PH_INBOX_SIZE];
    struct ph_sub *sub;
    uint64_t left;            /* messages that the request under way may still bring; 0: none is */
    bool keeps;               /* it is asked for with signs of life, and made anew where they stay away */
    uint64_t heard_ns;        /* when something last came of it */
    unsigned reconnect_count; /* of the connection, when it was sent */
    enum exit_code failure;   /* the consumer will bring nothing more; it has been said */
    char *replies;            /* of messages that wait to be acknowledged: texts, one behind the other */
    size_t replies_size, replies_room;
};

/* Borrows stream and consumer. taken is called for each message. Give it back with pull_finish, whatever the answer. */
enum exit_code pull_init(struct pull *pull, struct api *api, const char *stream, const char *consumer,
                         void (*taken)(void *arg, const struct ph_message *message), void *arg);
void pull_finish(struct pull *pull);

/* True where no request is under way, or none any more. */
bool pull_is_idle(const struct pull *pull);

/* Asks for count messages within a time; 0: for those that are there. keep: it may be asked for again and again. */
enum exit_code pull_ask(struct pull *pull, uint64_t count, uint64_t expires_ns, bool keep);

/* Milliseconds until pull_is_idle may change though nothing comes; -1: never. */
int pull_timeout_ms(const struct pull *pull);

/* Notes that a message is to be answered for, and answers for those that were noted: "+ACK", "-NAK" or "+TERM". */
void pull_note(struct pull *pull, const struct ph_message *message);
enum exit_code pull_answer(struct pull *pull, const char *answer);

#endif
