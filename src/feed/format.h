/*
 * format: one message of a stream as bytes for a client: an event of a text/event-stream, a line of NDJSON, or an
 * element of a poll's list. Pure; any thread.
 *
 * server-sent event (WHATWG HTML 9.2.6)          JSON, the same in all three
 *     id: 2k9x0d3m1ta-7b                          {"topic":"orders.eu","stream":"recent","seq":263,"time":"2026-...Z",
 *     event: orders.eu        (by choice)          "id":"2k9x0d3m1ta-7b","headers":{"A":"b"},"data":"..."}
 *     data: payload, a line for each of its lines  where the payload is not UTF-8: "data_base64" in place of "data"
 *     (empty line)
 *
 * A message that was not kept (sequence 0: delivered live) has no id, stream and seq. A header that repeats has an
 * array of its values. Plain data that is not UTF-8, or holds NUL, is written as a data URL (RFC 2397):
 * "data:;base64,AAEC".
 */
#ifndef FEED_FORMAT_H
#define FEED_FORMAT_H

#include "stream/stream.h"

enum feed_shape {
    FEED_EVENTS, /* text/event-stream */
    FEED_LINES,  /* application/x-ndjson */
    FEED_LIST,   /* elements of a JSON array, a comma in front of each */
    FEED_SHAPE_COUNT
};

enum feed_data {
    FEED_DATA_PLAIN,  /* the payload's lines; a data URL where it is not text */
    FEED_DATA_BASE64, /* always base64 */
    FEED_DATA_JSON,   /* the JSON object; what FEED_LINES and FEED_LIST always are */
};

struct feed_format {
    uint8_t shape;       /* enum feed_shape */
    uint8_t data;        /* enum feed_data, of events */
    bool event_is_topic; /* an event is named by its topic; otherwise it has no name, which makes it "message" */
};

/* Bytes that the message can take at most. */
size_t format_size_max(struct feed_format format, const struct stream_message *message, struct slice stream_name);

/* Writes it at out and returns the end of what was written. */
char *format_write(struct feed_format format, const struct stream_message *message, struct slice stream_name,
                   uint64_t epoch, char *out);

#endif
