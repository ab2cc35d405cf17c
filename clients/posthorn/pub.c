#include "acked.h"
#include "commands.h"
#include "input.h"
#include "say.h"
#include "util/clock.h"

struct pub_values {
    struct server_values server;
    bool lines;
    struct text_list headers;
    const char *reply;
    uint64_t count;
    double rate;
    uint64_t timeout_ns;
    bool ack;
    bool json;
};

#define FIELD(member) offsetof(struct pub_values, member)

static const struct option options[] = {
    { "lines", 'l', NULL, OPTION_FLAG, FIELD(lines), NULL,
      "publish each line of standard input as a message, without its newline" },
    { "header", 'H', "'NAME: VALUE'", OPTION_LIST, FIELD(headers), NULL, "add a header; may be given again and again" },
    { "reply", 0, "TOPIC", OPTION_TEXT, FIELD(reply), NULL, "ask for answers to this topic" },
    { "count", 'n', "N", OPTION_COUNT, FIELD(count), "1", "publish the message N times" },
    { "rate", 0, "N/s", OPTION_RATE, FIELD(rate), NULL, "at most so many messages a second (or N/m, N/h)" },
    { "timeout", 0, "TIME", OPTION_DURATION, FIELD(timeout_ns), "10s", "wait so long for the server to confirm" },
    { "ack", 0, NULL, OPTION_FLAG, FIELD(ack), NULL,
      "wait until the stream of TOPIC has each message, and print the stream and the sequence" },
    { "json", 'j', NULL, OPTION_FLAG, FIELD(json), NULL, "with --ack: print the acknowledgements as they came" },
    { 0 },
};

static const struct option_group groups[] = {
    { "Options", options, 0 },
    SERVER_GROUP(struct pub_values),
    { 0 },
};

static const struct example examples[] = {
    { "Publish a text:", "posthorn pub orders.new 'a dozen eggs'" },
    { "Publish a file as one message, with a header:",
      "posthorn pub photos.cat -H 'Content-Type: image/jpeg' <cat.jpg" },
    { "Publish a log while it grows, a message a line:",
      "tail -n0 -F /var/log/syslog | posthorn pub --lines logs.syslog" },
    { "Publish an order, once, and know that it is kept:",
      "posthorn pub orders.new 'a dozen eggs' --ack -H 'Nats-Msg-Id: order-4711'" },
    { 0 },
};

const struct command_details pub_details = {
    .operands = "TOPIC [PAYLOAD]",
    .operand_min = 1,
    .operand_max = 2,
    .values_size = sizeof(struct pub_values),
    .groups = groups,
    .about =
        "Publishes PAYLOAD to TOPIC. Where PAYLOAD is left out, or is '-', standard input up to its end is the "
        "payload. With --lines each line of standard input is a message: exactly its bytes, without the newline; a "
        "last line without one counts too.\n\n"
        "The exit code is 0 only when the server has confirmed that it took everything. That does not tell that "
        "anybody was listening.\n\n"
        "With --ack it is 0 only when a stream has every message, as its settings say: on disk, where they say sync = "
        "always. A line for each tells the stream and the sequence, and that it is a duplicate, where its Nats-Msg-Id "
        "was seen a short while ago. When no stream keeps TOPIC the exit code is 5; a message that the stream refuses "
        "ends it with 1.",
    .examples = examples,
};

struct publisher {
    struct connection connection;
    struct acked acked;
    const struct pub_values *values;
    const char *topic;
    struct ph_headers *headers;
    uint64_t start_ns;
    uint64_t count; /* published */
};

/* Holds the next message back until its time, counted from the first, so that pauses do not add up. */
static void keep_rate(struct publisher *publisher)
{
    if (publisher->values->rate == 0)
        return;
    if (publisher->count == 0)
        publisher->start_ns = clock_monotonic_ns();
    uint64_t due_ns = publisher->start_ns + (uint64_t)((double)publisher->count * 1e9 / publisher->values->rate);
    for (uint64_t now = clock_monotonic_ns(); now < due_ns; now = clock_monotonic_ns())
        if (ph_run(publisher->connection.conn, milliseconds(due_ns - now)) != PH_OK)
            return; /* the next publish says why */
}

static enum exit_code send_message(struct publisher *publisher, const struct payload *payload)
{
    int error = ph_publish_with(publisher->connection.conn, publisher->topic, publisher->values->reply,
                                publisher->headers, payload->data, payload->size);
    return error == PH_OK ? EXIT_OK : connection_fail(&publisher->connection, error, "cannot publish");
}

static enum exit_code publish(struct publisher *publisher, const struct payload *payload)
{
    keep_rate(publisher);
    if (publisher->connection.failure != EXIT_OK)
        return publisher->connection.failure;
    enum exit_code code = publisher->values->ack
                              ? acked_publish(&publisher->acked, publisher->topic, publisher->headers, payload->data,
                                              payload->size)
                              : send_message(publisher, payload);
    publisher->count += code == EXIT_OK;
    return code;
}

static enum exit_code publish_payload(struct publisher *publisher, const char *argument)
{
    struct payload payload;
    enum exit_code code = payload_read(&publisher->connection, argument, &payload);
    for (uint64_t i = 0; code == EXIT_OK && i < publisher->values->count; i++)
        code = publish(publisher, &payload);
    payload_finish(&payload);
    return code;
}

static enum exit_code publish_lines(struct publisher *publisher)
{
    struct payload line;
    struct lines lines;
    lines_init(&lines, ph_server(publisher->connection.conn)->payload_size_max);
    enum exit_code code = lines_next(&lines, &publisher->connection, &line);
    while (code == EXIT_OK && line.data) {
        code = publish(publisher, &line);
        if (code == EXIT_OK)
            code = lines_next(&lines, &publisher->connection, &line);
        else
            say("the failure was at line %llu", (unsigned long long)lines.number);
    }
    lines_finish(&lines);
    return code;
}

/* Also after a failure: what was good before it shall arrive. */
static enum exit_code confirm(struct publisher *publisher, enum exit_code code)
{
    if (code == EXIT_CONNECT)
        return code;
    if (publisher->values->ack) {
        enum exit_code settled = acked_settle(&publisher->acked);
        return code != EXIT_OK ? code : settled;
    }
    enum exit_code flushed = connection_flush(&publisher->connection, publisher->values->timeout_ns);
    if (flushed == EXIT_OK)
        connection_tell(&publisher->connection, "messages taken by the server: %llu",
                        (unsigned long long)publisher->count);
    return code != EXIT_OK ? code : flushed;
}

static enum exit_code check(const struct pub_values *values, struct operands operands)
{
    if (values->lines && operands.count > 1)
        return fail(EXIT_USAGE, "--lines reads standard input: leave PAYLOAD out");
    if (values->ack && values->reply)
        return fail(EXIT_USAGE, "--ack and --reply exclude one another: the acknowledgement is the answer");
    if (values->json && !values->ack)
        return fail(EXIT_USAGE, "--json goes with --ack");
    if (values->lines && values->count != 1)
        return fail(EXIT_USAGE, "--lines and --count exclude one another");
    return EXIT_OK;
}

enum exit_code pub_run(void *arg, struct operands operands)
{
    const struct pub_values *values = arg;
    struct publisher publisher = { .values = values, .topic = operands.texts[0] };
    enum exit_code code = check(values, operands);
    if (code == EXIT_OK)
        code = headers_from_texts(&values->headers, &publisher.headers);
    if (code == EXIT_OK)
        code = connection_open(&publisher.connection, &values->server, CONNECTION_ONCE);
    if (code == EXIT_OK) {
        acked_init(&publisher.acked, &publisher.connection, values->timeout_ns, values->json);
        code = values->lines ? publish_lines(&publisher) : publish_payload(&publisher, operands.texts[1]);
        code = confirm(&publisher, code);
    }
    connection_close(&publisher.connection);
    acked_finish(&publisher.acked);
    ph_headers_destroy(publisher.headers);
    return code;
}
