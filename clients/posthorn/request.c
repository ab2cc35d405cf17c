#include "commands.h"
#include "input.h"
#include "output.h"
#include "say.h"
#include "util/clock.h"

struct request_values {
    struct server_values server;
    struct output_values output;
    struct text_list headers;
    uint64_t timeout_ns;
    uint64_t replies;
};

#define FIELD(member) offsetof(struct request_values, member)

static const struct option options[] = {
    { "header", 'H', "'NAME: VALUE'", OPTION_LIST, FIELD(headers), NULL, "add a header; may be given again and again" },
    { "timeout", 0, "TIME", OPTION_DURATION, FIELD(timeout_ns), "5s", "wait so long for all the replies" },
    { "replies", 'n', "N", OPTION_COUNT, FIELD(replies), "1",
      "wait for N replies; 0: for all that come until the time is up" },
    { 0 },
};

static const struct option_group groups[] = {
    { "Options", options, 0 },
    OUTPUT_GROUP(struct request_values),
    SERVER_GROUP(struct request_values),
    { 0 },
};

static const struct example examples[] = {
    { "Ask a service:", "posthorn request prices.egg dozen" },
    { "Ask all that listen, and see who they are:",
      "posthorn request --replies 0 --timeout 500ms --json who.is.there ''" },
    { "Tell a missing service from a slow one:",
      "posthorn request prices.egg dozen || case $? in 4) echo slow ;; 5) echo missing ;; esac" },
    { 0 },
};

const struct command_details request_details = {
    .operands = "TOPIC [PAYLOAD]",
    .operand_min = 1,
    .operand_max = 2,
    .values_size = sizeof(struct request_values),
    .groups = groups,
    .about = "Publishes PAYLOAD to TOPIC and prints what is answered, as '%p%N' (the payload, with a newline if it has "
             "none at its end) unless an output option says otherwise. Where PAYLOAD is left out, or is '-', standard "
             "input up to its end is the payload; '' is an empty one.\n\n"
             "A reply whose headers have a status of 400 or more is an error: it is printed all the same, a line on "
             "standard error tells of it, and the exit code is 1. When nobody listens on the topic the server says so "
             "at once, and the exit code is 5; when "
             "the time is up, 4.\n\n" OUTPUT_FORMAT_ABOUT,
    .examples = examples,
};

struct requester {
    struct connection connection;
    struct output output;
    const struct request_values *values;
    struct ph_headers *headers;
    struct ph_sub *inbox;
    uint64_t deadline_ns;
    enum exit_code outcome; /* of the replies so far */
};

static enum exit_code send_request(struct requester *requester, const char *topic, const struct payload *payload)
{
    struct ph_conn *conn = requester->connection.conn;
    char inbox[PH_INBOX_SIZE];
    ph_inbox(conn, inbox);
    int error = ph_subscribe(conn, inbox, NULL, NULL, NULL, &requester->inbox);
    if (error == PH_OK)
        error = ph_publish_with(conn, topic, inbox, requester->headers, payload->data, payload->size);
    requester->deadline_ns = clock_monotonic_ns() + requester->values->timeout_ns;
    return error == PH_OK ? EXIT_OK : connection_fail(&requester->connection, error, "cannot send the request");
}

static bool says_no_responders(const struct ph_message *message)
{
    return message->payload_size == 0 && ph_message_status(message, NULL) == 503;
}

static enum exit_code print_reply(struct requester *requester, const struct ph_message *message)
{
    struct ph_text description;
    int status = ph_message_status(message, &description);
    output_message(&requester->output, message);
    enum exit_code code = output_flush(&requester->output);
    if (code == EXIT_OK && status >= 400)
        requester->outcome = fail(EXIT_FAILED, "the reply is an error: %d %.*s", status, (int)description.size,
                                  description.data);
    return code;
}

static int time_left_ms(const struct requester *requester)
{
    uint64_t now = clock_monotonic_ns();
    return now < requester->deadline_ns ? milliseconds(requester->deadline_ns - now) : 0;
}

/* When the time is up: with --replies 0 that is the end that was asked for, if anybody answered at all. */
static enum exit_code end_of_time(struct requester *requester)
{
    uint64_t count = requester->output.count, wanted = requester->values->replies;
    if (wanted == 0 && count > 0)
        return requester->outcome;
    if (wanted > 1)
        return fail(EXIT_TIMEOUT, "%llu of %llu replies came in time; --timeout waits longer",
                    (unsigned long long)count, (unsigned long long)wanted);
    return fail(EXIT_TIMEOUT, "no reply in time; --timeout waits longer");
}

static enum exit_code take_reply(struct requester *requester, const struct ph_message *message)
{
    if (says_no_responders(message))
        return connection_fail(&requester->connection, PH_E_NO_RESPONDERS, NULL);
    return print_reply(requester, message);
}

static enum exit_code await_replies(struct requester *requester)
{
    struct ph_message *message = NULL;
    while (requester->values->replies == 0 || requester->output.count < requester->values->replies) {
        int error = ph_next(requester->inbox, time_left_ms(requester), &message);
        if (requester->connection.failure != EXIT_OK)
            return requester->connection.failure;
        if (error == PH_E_TIMEOUT)
            return end_of_time(requester);
        if (error != PH_OK)
            return connection_fail(&requester->connection, error, "no reply");
        enum exit_code code = take_reply(requester, message);
        ph_message_free(message);
        if (code != EXIT_OK)
            return code;
    }
    return requester->outcome;
}

static enum exit_code request(struct requester *requester, struct operands operands)
{
    struct payload payload;
    enum exit_code code = payload_read(&requester->connection, operands.texts[1], &payload);
    if (code == EXIT_OK)
        code = send_request(requester, operands.texts[0], &payload);
    payload_finish(&payload);
    return code == EXIT_OK ? await_replies(requester) : code;
}

enum exit_code request_run(void *arg, struct operands operands)
{
    const struct request_values *values = arg;
    struct requester requester = { .values = values };
    enum exit_code code = output_init(&requester.output, &values->output, "%p%N");
    if (code == EXIT_OK)
        code = headers_from_texts(&values->headers, &requester.headers);
    if (code == EXIT_OK)
        code = connection_open(&requester.connection, &values->server, CONNECTION_ONCE);
    if (code == EXIT_OK)
        code = request(&requester, operands);
    connection_close(&requester.connection);
    ph_headers_destroy(requester.headers);
    output_finish(&requester.output);
    return code;
}
