#include <stdio.h>
#include <unistd.h>

#include "commands.h"
#include "connection.h"
#include "durable.h"
#include "interrupt.h"
#include "output.h"
#include "say.h"
#include "util/clock.h"

struct sub_values {
    struct server_values server;
    struct output_values output;
    struct durable_values durable;
    const char *group;
    uint64_t count;
    uint64_t timeout_ns;
};

#define FIELD(member) offsetof(struct sub_values, member)

static const struct option options[] = {
    { "group", 'g', "NAME", OPTION_TEXT, FIELD(group), NULL,
      "share the messages with the other members of this group" },
    { "count", 'n', "N", OPTION_COUNT, FIELD(count), NULL, "end after N messages" },
    { "timeout", 0, "TIME", OPTION_DURATION, FIELD(timeout_ns), NULL,
      "end with exit code 4 when no message has come for so long" },
    { 0 },
};

static const struct option_group groups[] = {
    { "Options", options, 0 },
    DURABLE_GROUP(struct sub_values),
    OUTPUT_GROUP(struct sub_values),
    SERVER_GROUP(struct sub_values),
    { 0 },
};

static const struct example examples[] = {
    { "Watch everything below orders:", "posthorn sub 'orders.>'" },
    { "Keep a log that was published with pub --lines, byte for byte:", "posthorn sub --raw logs.syslog >syslog" },
    { "Take one message as it is:", "posthorn sub --count 1 --format %p photos.cat >cat.jpg" },
    { "Do what is to be done, and go on there after a break:",
      "posthorn sub --durable billing --ack 'orders.*.paid'" },
    { "Pick a field from JSON:", "posthorn sub --json 'orders.>' | jq -r .topic" },
    { 0 },
};

const struct command_details sub_details = {
    .operands = "PATTERN...",
    .operand_min = 1,
    .operand_max = -1,
    .values_size = sizeof(struct sub_values),
    .groups = groups,
    .about =
        "Prints the messages that match a PATTERN, each as '%t %p%n' (topic, blank, payload) unless an output option "
        "says otherwise. In a pattern '*' stands for one token and '>', at its end, for all that follow; quote them, "
        "they mean something to the shell too. A message that matches several PATTERNs is printed for each.\n\n"
        "It goes on until Ctrl-C, connecting again when the connection breaks; what is published meanwhile is not "
        "seen. With --verbose, a line 'subscribed' on standard error tells that every message from then on is seen.\n"
        "\n"
        "With --durable NAME the messages come out of the stream that keeps them, from its first on: the server "
        "remembers how far the consumer of that NAME has come, and several subscribers by one NAME share its messages. "
        "With --ack a message counts as done when it has been printed, and is delivered again, to any of them, where "
        "that is not heard of; without it, when it was sent.\n\n" OUTPUT_FORMAT_ABOUT "\n"
        "A line of --json is an object with time, topic, reply (where there is one), headers (where there are any: "
        "each name with the list of its values), status and description (where the headers have a status), stream, "
        "sequence and delivered (how often; where it comes out of a stream), and data, or data_base64 where the "
        "payload is not UTF-8.",
    .examples = examples,
};

struct subscriber {
    struct connection connection;
    struct output output;
    const struct sub_values *values;
    uint64_t last_ns; /* when the last message came */
};

static bool is_done(const struct subscriber *subscriber)
{
    return subscriber->values->count && subscriber->output.count == subscriber->values->count;
}

static void on_message(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    struct subscriber *subscriber = arg;
    (void)sub;
    if (is_done(subscriber))
        return;
    subscriber->last_ns = clock_monotonic_ns();
    output_message(&subscriber->output, message);
}

static enum exit_code subscribe_one(struct subscriber *subscriber, const char *pattern)
{
    struct ph_sub *sub;
    char what[128];
    int error = ph_subscribe(subscriber->connection.conn, pattern, subscriber->values->group, on_message, subscriber,
                             &sub);
    snprintf(what, sizeof what, "cannot subscribe to '%s'", pattern);
    if (error != PH_OK)
        return connection_fail(&subscriber->connection, error, what);
    if (subscriber->values->count) /* so that a group's messages that we would not print go to other members */
        error = ph_unsubscribe(sub, subscriber->values->count);
    return error == PH_OK ? EXIT_OK : connection_fail(&subscriber->connection, error, what);
}

static enum exit_code subscribe(struct subscriber *subscriber, struct operands patterns)
{
    enum exit_code code = EXIT_OK;
    for (int i = 0; i < patterns.count && code == EXIT_OK; i++)
        code = subscribe_one(subscriber, patterns.texts[i]);
    if (code == EXIT_OK)
        code = connection_flush(&subscriber->connection, subscriber->values->server.connect_timeout_ns);
    if (code == EXIT_OK)
        connection_tell(&subscriber->connection, "subscribed");
    return code;
}

/* Milliseconds until --timeout; -1: never; 0: now. */
static int time_left_ms(const struct subscriber *subscriber)
{
    if (subscriber->values->timeout_ns == 0)
        return -1;
    uint64_t waited_ns = clock_monotonic_ns() - subscriber->last_ns;
    return waited_ns < subscriber->values->timeout_ns ? milliseconds(subscriber->values->timeout_ns - waited_ns) : 0;
}

/* One round: print what has come, then wait for more, for a signal, or for the reader of our pipe to go away. */
static enum exit_code turn(struct subscriber *subscriber)
{
    struct pollfd fds[CONNECTION_FDS + 1] = { [CONNECTION_FDS] = { .fd = STDOUT_FILENO, .events = 0 } };
    enum exit_code code = output_flush(&subscriber->output);
    if (code != EXIT_OK || is_done(subscriber))
        return code;
    int left_ms = time_left_ms(subscriber);
    if (left_ms == 0)
        return fail(EXIT_TIMEOUT, "no message in time");
    code = connection_turn(&subscriber->connection, fds, CONNECTION_FDS + 1, left_ms);
    if (code == EXIT_OK && fds[CONNECTION_FDS].revents & POLLERR)
        code = output_closed();
    return code;
}

static enum exit_code print_messages(struct subscriber *subscriber)
{
    enum exit_code code = EXIT_OK;
    subscriber->last_ns = clock_monotonic_ns();
    do
        code = turn(subscriber);
    while (code == EXIT_OK && !is_done(subscriber) && !interrupted());
    enum exit_code flushed = output_flush(&subscriber->output);
    return code != EXIT_OK ? code : flushed;
}

static enum exit_code read_live(struct subscriber *subscriber, struct operands patterns)
{
    enum exit_code code = connection_open(&subscriber->connection, &subscriber->values->server, CONNECTION_KEEP);
    if (code == EXIT_OK && !interrupt_watch())
        code = EXIT_FAILED;
    if (code == EXIT_OK)
        code = subscribe(subscriber, patterns);
    if (code == EXIT_OK)
        code = print_messages(subscriber);
    connection_close(&subscriber->connection);
    return code;
}

static enum exit_code read_kept(struct subscriber *subscriber, struct operands patterns)
{
    const struct sub_values *values = subscriber->values;
    const struct durable_task task = {
        .values = &values->durable,
        .server = &values->server,
        .patterns = (const char *const *)patterns.texts,
        .pattern_count = (size_t)patterns.count,
        .count = values->count,
        .timeout_ns = values->timeout_ns,
    };
    return durable_run(&task, &subscriber->output);
}

static enum exit_code check(const struct sub_values *values)
{
    if (values->group && values->durable.name)
        return fail(EXIT_USAGE, "--group and --durable exclude one another: who has one --durable shares its messages");
    return durable_check(&values->durable);
}

enum exit_code sub_run(void *arg, struct operands patterns)
{
    const struct sub_values *values = arg;
    struct subscriber subscriber = { .values = values };
    enum exit_code code = check(values);
    if (code == EXIT_OK)
        code = output_init(&subscriber.output, &values->output, "%t %p%n");
    if (code == EXIT_OK)
        code = values->durable.name ? read_kept(&subscriber, patterns) : read_live(&subscriber, patterns);
    output_finish(&subscriber.output);
    return code;
}
