#include "listen.h"

#include <stddef.h>

#define FIELD(member) offsetof(struct listen_values, member)

static const struct option options[] = {
    { "forward", 'f', "URL", OPTION_TEXT, FIELD(forward), NULL, "where it is sent: http://127.0.0.1:3000/hook" },
    { "body", 0, "WORD", OPTION_TEXT, FIELD(body), "payload",
      "what is sent, as the server makes it: payload, envelope, cloudevents or cloudevents-structured" },
    { "secret", 0, "SECRET", OPTION_TEXT, FIELD(secret), NULL,
      "sign by this one, whsec_... or whsk_...; without it one is made, and told on standard error" },
    { "stream", 0, "NAME", OPTION_TEXT, FIELD(stream), "recent", "the stream that is said to keep the messages" },
    { "retries", 0, "N", OPTION_COUNT, FIELD(retries), "0", "try so often again, a second later, where it failed" },
    { "concurrency", 0, "N", OPTION_COUNT, FIELD(concurrency), "1",
      "so many requests at once; with 1 they go one after the other, in order" },
    { "timeout", 0, "TIME", OPTION_DURATION, FIELD(timeout_ns), "15s", "an attempt may take so long" },
    { "ca", 0, "FILE", OPTION_TEXT, FIELD(ca), NULL, "trust these authorities, in PEM, and no others" },
    { "group", 'g', "NAME", OPTION_TEXT, FIELD(group), NULL,
      "share the messages with the other members of this group" },
    { "count", 'n', "N", OPTION_COUNT, FIELD(count), NULL, "end after N messages" },
    { "json", 'j', NULL, OPTION_FLAG, FIELD(json), NULL, "print each exchange as a line of JSON" },
    { 0 },
};

static const struct option_group groups[] = {
    { "Options", options, 0 },
    SERVER_GROUP(struct listen_values),
    { 0 },
};

static const struct example examples[] = {
    { "See what your receiver makes of all orders:",
      "posthorn listen --forward http://127.0.0.1:3000/hook 'orders.>'" },
    { "By the secret that it has already:",
      "posthorn listen --forward localhost:3000/hook --secret \"$WEBHOOK_SECRET\" 'orders.>'" },
    { 0 },
};

const struct command_details listen_details = {
    .operands = "PATTERN...",
    .operand_min = 1,
    .operand_max = -1,
    .values_size = sizeof(struct listen_values),
    .groups = groups,
    .program = "posthorn-listen",
    .about =
        "Sends each message that matches a PATTERN to a URL of this machine or any other, made and signed as the "
        "server's webhooks are, and prints what came of it: when, the status, how long it took, topic, size, and the "
        "first bytes of the answer. For whoever writes a receiver: nothing has to be reachable from outside, and no "
        "webhook has to be made.\n\n"
        "It goes on until Ctrl-C, connecting again when the connection to the server breaks; what is published "
        "meanwhile is not seen. With --count it ends with exit code 1 where a message was not taken.\n\n"
        "A line of --json is an object with time, id, topic, size, attempt, result (delivered or failed), status and "
        "answer, or error, and duration_ms.",
    .examples = examples,
};
