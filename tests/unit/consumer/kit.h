/* kit: what the tests of a consumer share: a stream in memory, and an owner who writes down what the consumer says. */
#ifndef TESTS_CONSUMER_KIT_H
#define TESTS_CONSUMER_KIT_H

#include "consumer/consumer.h"

enum { OWNER_SAID_SIZE = 1 << 16, OWNER_NOBODY_MAX = 4 };

struct sim;

/* Embedded in the test. */
struct owner {
    struct sim *sim;                 /* of a stream in files; NULL: in memory */
    struct stream_engine *engine;
    struct stream *stream;
    struct consumer *consumer;
    struct consumer_settings settings;
    struct consumer_time time;
    uint64_t deadline_ms;            /* what the last run said */
    const char *nobody[OWNER_NOBODY_MAX]; /* topics on which nobody listens */
    const char *busy;                /* one on which somebody listens who can take nothing */
    bool keeps_no_dead;              /* and says so */
    bool shows_topics, shows_bytes;
    char said[OWNER_SAID_SIZE];
    size_t said_size;
    uint64_t delivered_bytes;
    unsigned delivered_count, call_count, asked_dead_count;
    enum consumer_want want;         /* what the last run said */
};

/* A stream in memory that keeps "t.>", with settings as JSON in addition (NULL: none); a pull consumer "c" with
 * explicit acknowledgements, whose settings the test may change before owner_begin. Time begins at 1000 and 100000. */
void owner_open(struct owner *owner, const char *settings);
/* The same in files, of which no block stays in memory that can go; nothing is fetched but by owner_run_with_disk,
 * and by publishing. */
void owner_open_files(struct owner *owner, const char *settings);
void owner_begin(struct owner *owner);
void owner_close(struct owner *owner);

void owner_add_filter(struct owner *owner, const char *filter);
void owner_set_text(char **place, const char *text);

/* Publishes count messages, the payload of which is their sequence. */
void owner_publish(struct owner *owner, const char *topic, unsigned count);
void owner_publish_bytes(struct owner *owner, const char *topic, size_t size);

/* A request for so many, under this reply topic; text is what else is asked for: "nowait", "expires=100",
 * "heartbeat=50", "bytes=300", parted by blanks. */
void owner_ask(struct owner *owner, const char *reply, uint64_t batch, const char *text);

bool owner_ack(struct owner *owner, uint64_t sequence);
bool owner_answer(struct owner *owner, enum consumer_ack_kind kind, uint64_t sequence, uint64_t delay_ms);

/* Runs until there is nothing to do, and returns what was said since the last call:
 *   "in 5:7:1+3"    message 5, the 7th delivery, the 1st of this message, 3 to come; to the topic in
 *   "in 408 2 0"    a status, with messages and bytes that were not delivered
 *   "in 100 7 5"    a heartbeat, with the last sequences; "in 100 7 5 stalled"
 *   "dead 5:2 max", "dead 5:2 term words", "done 5"
 * parted by ", ". Good until the next call. */
const char *owner_run(struct owner *owner);
/* The same, where it goes on as often as it waits for the disk: *ret_count says how often. */
const char *owner_run_with_disk(struct owner *owner, unsigned *ret_count);
/* True where the last run waits for the disk. */
bool owner_is_away(const struct owner *owner);
/* The same after time has passed. */
const char *owner_wait(struct owner *owner, uint64_t ms);

struct consumer_info owner_info(struct owner *owner);

/* "delivered 3/5 floor 1/2 pending 2 redelivered 0 waiting 0 left 7": consumer sequence / stream sequence. */
const char *owner_facts(struct owner *owner);

/* The consumer is destroyed, and made anew of what it saved. */
void owner_restart(struct owner *owner);

#define owner_says(owner, text) ck_assert_str_eq(owner_run(owner), text)
#define owner_says_after(owner, ms, text) ck_assert_str_eq(owner_wait(owner, ms), text)
#define owner_knows(owner, text) ck_assert_str_eq(owner_facts(owner), text)

#endif
