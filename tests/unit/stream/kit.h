/* kit: what the tests of a stream share: messages made of numbers, appended and read back. */
#ifndef TESTS_STREAM_KIT_H
#define TESTS_STREAM_KIT_H

#include "stream/engine.h"
#include "stream/stream.h"

enum { KIT_ID_SIZE = 64 };

/* Bounds nothing but memory, at 64 MiB. */
extern const struct stream_limits kit_limits;

/* Ends the test where there is no memory. */
struct stream *kit_create(struct stream_limits limits);

/* Appends `count` messages of this payload size, each with the sequence that it is expected to get as its beginning. */
void kit_fill(struct stream *stream, const char *topic, unsigned count, size_t size, uint64_t now_ms);

/* The same where more may be appended than is to be seen, with bytes that mean nothing. */
void kit_fill_any(struct stream *stream, const char *topic, unsigned count, size_t size, uint64_t now_ms);

/* Appends one message, with an id or NULL, and returns what became of it. */
struct receipt kit_append(struct stream *stream, const char *topic, const char *payload, const char *id,
                          uint64_t now_ms);

/* The same with lines of headers, each with its CR LF, in place of an id; NULL: none. Kept is what the receipt says. */
struct receipt kit_publish(struct stream *stream, const char *topic, const char *payload, const char *headers,
                           uint64_t now_ms);

/* A stream with settings, given as JSON. Ends the test where it cannot be opened. */
struct stream *kit_open(struct stream_engine *engine, const char *settings);

/* Other settings for it. */
void kit_change(struct stream *stream, const char *settings);

/* Commits and fetches what is to be, in place of the engine's threads. */
void kit_settle(struct stream *stream);

/* The sequences that a reader sees, as "1 2 5"; "?" where something is away. Good until the next call. */
const char *kit_list(struct stream *stream);

/* The same, but what is away is fetched. */
const char *kit_list_all(struct stream *stream);

/* How many messages of a topic its index counts, and how many of all the log has. */
uint64_t kit_topic_count(struct stream *stream, const char *topic);
uint64_t kit_log_count(struct stream *stream);

/* What reading the stream to its end has shown. */
struct kit_seen {
    unsigned message_count, gap_count;
    uint64_t first_sequence, last_sequence; /* of the messages */
    uint64_t gap_first, gap_last;           /* of the last gap */
};

/* Reads from behind `after` to the end, and requires that sequences ascend. */
struct kit_seen kit_read(struct stream *stream, uint64_t after, uint64_t now_ms);

struct stream_state kit_state(struct stream *stream);

#endif
