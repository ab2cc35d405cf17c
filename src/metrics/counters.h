/*
 * counters: what one worker counts, in one list. Each is a plain number that only its worker's thread touches, until
 * that thread has ended.
 */
#ifndef METRICS_COUNTERS_H
#define METRICS_COUNTERS_H

#include <stdint.h>

/* COUNTER(name, help) */
#define COUNTERS(COUNTER) \
    COUNTER(connections_opened, "Connections accepted") \
    COUNTER(connections_closed, "Connections closed, for whatever reason") \
    COUNTER(bytes_in, "Bytes received") \
    COUNTER(bytes_out, "Bytes sent") \
    COUNTER(messages_in, "Messages published by clients") \
    COUNTER(messages_out, "Messages delivered to clients") \
    COUNTER(messages_kept, "Messages that a stream has kept") \
    COUNTER(gaps_told, "Times that a reader was told that messages are gone") \
    COUNTER(messages_mailed, "Messages handed to other workers") \
    COUNTER(no_responders, "Requests answered with 503 because nobody was there") \
    COUNTER(subscriptions_opened, "Subscriptions made") \
    COUNTER(subscriptions_closed, "Subscriptions ended") \
    COUNTER(slow_consumers, "Connections closed because their output filled or did not move") \
    COUNTER(stale_connections, "Connections closed because they did not answer pings") \
    COUNTER(tls_sessions, "TLS handshakes done") \
    COUNTER(tls_resumptions, "Of these, those that went on with an earlier session") \
    COUNTER(tls_failures, "Connections closed because TLS was missing, failed or took too long") \
    COUNTER(auth_failures, "Connections closed, and requests refused, because nobody proved who he was") \
    COUNTER(protocol_errors, "Connections closed because of what they sent") \
    COUNTER(limit_errors, "Payloads, lines, topics and subscriptions refused because of a limit") \
    COUNTER(rate_limits, "Times that a publisher was held back, or refused, for the rate of its user or address") \
    COUNTER(quota_refusals, "Messages and streams refused because their user keeps all that he may") \
    COUNTER(permission_errors, "Messages and subscriptions refused because the user may not") \
    COUNTER(publish_stalls, "Times that a publisher was held back for slow subscribers") \
    COUNTER(mailbox_parks, "Times that a client was held back for a full mailbox") \
    COUNTER(messages_consumed, "Messages delivered by consumers, each as often as it was") \
    COUNTER(acknowledgements, "Words of clients about messages that consumers have delivered") \
    COUNTER(dead_letters, "Messages that consumers have given up") \
    COUNTER(api_requests, "Requests of the JetStream API") \
    COUNTER(api_errors, "Requests of the JetStream API answered with an error") \
    COUNTER(http_requests, "HTTP requests that found their handler") \
    COUNTER(http_problems, "HTTP requests answered with a problem") \
    COUNTER(tail_records, "Records of log files published") \
    COUNTER(tail_waits, "Times that log files were not read on because the stream took nothing") \
    COUNTER(tail_refused, "Records of log files that the stream refused for good")

struct counters {
#define COUNTER_FIELD(name, help) uint64_t name;
    COUNTERS(COUNTER_FIELD)
#undef COUNTER_FIELD
};

enum {
#define COUNTER_ENUM(name, help) COUNTER_##name,
    COUNTERS(COUNTER_ENUM)
#undef COUNTER_ENUM
    COUNTER_COUNT
};

struct counter_info {
    const char *name;
    const char *help;
};

/* Name and help of each counter, in the order of struct counters. */
extern const struct counter_info counter_infos[COUNTER_COUNT];

/* sum += part, counter by counter. */
void counters_add(struct counters *sum, const struct counters *part);

/* The place-th counter. */
uint64_t counters_get(const struct counters *counters, unsigned place);

#endif
