#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "connection.h"
#include "interrupt.h"
#include "output.h"
#include "quantity.h"
#include "sample.h"
#include "say.h"
#include "screen.h"
#include "util/clock.h"

struct top_values {
    const char *url;
    uint64_t interval_ns;
    uint64_t count;
    uint64_t rows;
    const char *sort;
    const char *user, *password, *token;
    uint64_t timeout_ns;
    struct secure_values secure;
};

#define FIELD(member) offsetof(struct top_values, member)

static const struct option options[] = {
    { "url", 'u', "URL", OPTION_TEXT, FIELD(url), NULL,
      "where the server's HTTP side is: http://host:port or https://host:port; POSTHORN_HTTP_URL where it is not "
      "given, else http://127.0.0.1:8222" },
    { "interval", 'i', "TIME", OPTION_DURATION, FIELD(interval_ns), "1s", "how long each picture stands" },
    { "count", 'n', "N", OPTION_COUNT, FIELD(count), NULL, "end after N pictures" },
    { "sort", 0, "ORDER", OPTION_TEXT, FIELD(sort), "cid",
      "the order of connections: cid, start, subs, pending, msgs_to, msgs_from, bytes_to, bytes_from, idle or last" },
    { "rows", 0, "N", OPTION_COUNT, FIELD(rows), NULL,
      "how many connections to show; as many as fit on the terminal, or 20, where it is not given" },
    { "user", 0, "NAME", OPTION_TEXT, FIELD(user), NULL, "enter as this user" },
    { "password", 0, "TEXT", OPTION_TEXT, FIELD(password), NULL,
      "with this password (the list of processes shows it: prefer POSTHORN_PASSWORD)" },
    { "token", 0, "TEXT", OPTION_TEXT, FIELD(token), NULL, "enter with this token (prefer POSTHORN_TOKEN)" },
    { "timeout", 0, "TIME", OPTION_DURATION, FIELD(timeout_ns), "5s", "for an answer" },
    { 0 },
};

static const struct option_group groups[] = {
    { "Options", options, 0 },
    SECURE_GROUP(struct top_values, secure),
    { 0 },
};

static const struct example examples[] = {
    { "Watch the server on this machine:", "posthorn top" },
    { "Who sends the most?", "posthorn top --sort bytes_from" },
    { "One picture for a script, with the rates of ten seconds:", "posthorn top --count 1 --interval 10s | cat" },
    { 0 },
};

const struct command_details top_details = {
    .operands = "",
    .operand_min = 0,
    .operand_max = 0,
    .values_size = sizeof(struct top_values),
    .groups = groups,
    .about =
        "Shows what a server does, again and again: messages and bytes a second in and out, memory and processor "
        "time, and its connections with what each of them sends and receives. It reads /varz and /connz, so that it "
        "works with a nats-server that has its monitoring on, too.\n\n"
        "On a terminal, q ends it and s takes the next order of connections. Elsewhere pictures are printed one after "
        "the other, each with the rates since the one before; the first comes after one interval.",
    .examples = examples,
};

/* NATS's names, which the servers take. */
static const char *const orders[] = { "cid",     "start",    "subs",       "pending", "msgs_to",
                                      "msgs_from", "bytes_to", "bytes_from", "idle",    "last" };

enum {
    ORDER_COUNT = sizeof orders / sizeof orders[0],
    HEADER_ROWS = 5,
    ROWS_PLAIN = 20,
    ROWS_MAX = 1024,
    CLIENT_COLUMNS = 24,
};

struct top {
    const struct top_values *values;
    struct fetch_target target;
    struct screen screen;
    struct sample now, before; /* before.time_ns 0: there is none */
    unsigned order;
    uint64_t shown;            /* pictures */
    bool ended;                /* by a key */
    char reason[FETCH_REASON_SIZE];
};

/* ---- the picture ---- */

/* What has come since the sample before, for a second; negative: not known. */
static double rate(const struct top *top, double now, double before)
{
    if (!top->before.time_ns || now < before)
        return -1;
    return (now - before) * 1e9 / (double)(top->now.time_ns - top->before.time_ns);
}

static const char *print_rate(double rate, char out[QUANTITY_TEXT_SIZE])
{
    return rate < 0 ? strcpy(out, "-") : quantity_print_count(rate < 10 ? rate : (double)(uint64_t)rate, out);
}

static const char *print_size_rate(double rate, char out[QUANTITY_TEXT_SIZE])
{
    return rate < 0 ? strcpy(out, "-") : quantity_print_size((double)(uint64_t)rate, out);
}

/* Of the time since the sample before where the server tells its processor time; else what it says itself. */
static double processor_percent(const struct top *top)
{
    double ms_a_second = rate(top, top->now.processor_ms, top->before.processor_ms);
    return top->now.has_processor_ms && ms_a_second >= 0 ? ms_a_second / 10 : top->now.processor_percent;
}

static void put_server(FILE *out, const struct top *top)
{
    const struct sample *now = &top->now;
    char memory[QUANTITY_TEXT_SIZE], recent[QUANTITY_TEXT_SIZE];
    fprintf(out, "%s  version %s  up %s  processor %.1f %%  memory %s", now->name, now->version, now->uptime,
            processor_percent(top), quantity_print_size(now->memory_size, memory));
    if (now->workers > 0)
        fprintf(out, "  workers %.0f", now->workers);
    fprintf(out, "\nconnections %.0f of %.0f  subscriptions %.0f  slow consumers %.0f", now->connections,
            now->connections_ever, now->subscriptions, now->slow_consumers);
    if (now->has_recent)
        fprintf(out, "  recent %.0f messages, %s", now->recent_messages,
                quantity_print_size(now->recent_size, recent));
    fputc('\n', out);
}

static void put_rates(FILE *out, const struct top *top)
{
    const struct sample *now = &top->now, *before = &top->before;
    char text[4][QUANTITY_TEXT_SIZE];
    fprintf(out, "in %s messages/s, %s/s  out %s messages/s, %s/s\n\n",
            print_rate(rate(top, now->messages_in, before->messages_in), text[0]),
            print_size_rate(rate(top, now->bytes_in, before->bytes_in), text[1]),
            print_rate(rate(top, now->messages_out, before->messages_out), text[2]),
            print_size_rate(rate(top, now->bytes_out, before->bytes_out), text[3]));
}

/* Its name, where it has given one. */
static void put_client(FILE *out, const struct sample_connection *row)
{
    const char *client = *row->name ? row->name : row->address;
    unsigned used;
    size_t size = screen_cut(client, strlen(client), CLIENT_COLUMNS, &used);
    fprintf(out, "%.*s%*s", (int)size, client, (int)(CLIENT_COLUMNS - used), "");
}

static void put_connection(FILE *out, const struct top *top, const struct sample_connection *row)
{
    const struct sample_connection *before = sample_find(&top->before, row->id);
    char pending[QUANTITY_TEXT_SIZE], text[4][QUANTITY_TEXT_SIZE];
    const struct sample_connection none = { .messages_in = row->messages_in + 1, .messages_out = row->messages_out + 1,
                                            .bytes_in = row->bytes_in + 1, .bytes_out = row->bytes_out + 1 };
    if (!before)
        before = &none; /* it is new: its rates are not known */
    fprintf(out, "%6.0f %-4s ", row->id, row->type);
    put_client(out, row);
    fprintf(out, " %5.0f %8s %8s %8s %8s %8s %6s  %s\n", row->subscriptions,
            print_rate(rate(top, row->messages_in, before->messages_in), text[0]),
            print_rate(rate(top, row->messages_out, before->messages_out), text[1]),
            print_size_rate(rate(top, row->bytes_in, before->bytes_in), text[2]),
            print_size_rate(rate(top, row->bytes_out, before->bytes_out), text[3]),
            quantity_print_size(row->pending_size, pending), row->idle, row->address);
}

static void put_connections(FILE *out, const struct top *top)
{
    fprintf(out, "%6s %-4s %-*s %5s %8s %8s %8s %8s %8s %6s  %s\n", "CID", "TYPE", CLIENT_COLUMNS, "CLIENT", "SUBS",
            "MSG IN/s", "OUT/s", "BYTES IN", "OUT/s", "PENDING", "IDLE", "ADDRESS");
    for (size_t i = 0; i < top->now.row_count; i++)
        put_connection(out, top, &top->now.rows[i]);
}

static enum exit_code show(struct top *top)
{
    char *picture = NULL;
    size_t size;
    FILE *out = must(open_memstream(&picture, &size));
    put_server(out, top);
    put_rates(out, top);
    put_connections(out, top);
    if (!top->screen.live)
        fputc('\n', out);
    fclose(out);
    screen_show(&top->screen, must(picture));
    free(picture);
    top->shown++;
    if (ferror(stdout))
        return errno == EPIPE ? output_closed() : fail(EXIT_FAILED, "cannot write to standard output");
    return EXIT_OK;
}

/* ---- turns ---- */

static unsigned row_limit(const struct top *top)
{
    unsigned rows, columns;
    if (top->values->rows)
        return top->values->rows < ROWS_MAX ? (unsigned)top->values->rows : ROWS_MAX;
    if (!top->screen.live)
        return ROWS_PLAIN;
    screen_size(&rows, &columns);
    return rows > HEADER_ROWS + 1 ? rows - HEADER_ROWS : 1;
}

static enum exit_code take(struct top *top)
{
    struct sample sample;
    enum exit_code code = sample_take(&sample, &top->target, orders[top->order], row_limit(top),
                                      top->values->timeout_ns, top->reason);
    if (code != EXIT_OK) {
        sample_finish(&sample);
        return code;
    }
    sample_finish(&top->before);
    top->before = top->now;
    top->now = sample;
    return EXIT_OK;
}

/* A server that is started anew is waited for, where somebody watches; what answered once will answer again. */
static enum exit_code take_again(struct top *top)
{
    enum exit_code code = take(top);
    if (code == EXIT_OK)
        return show(top);
    if (!top->screen.live || code != EXIT_CONNECT)
        return fail(code, "%s", top->reason);
    sample_finish(&top->before);
    char text[FETCH_REASON_SIZE + 64];
    snprintf(text, sizeof text, "%s; trying again\n", top->reason);
    screen_show(&top->screen, text);
    return EXIT_OK;
}

/* True where one of them has done something that is to be seen at once. */
static bool read_keys(struct top *top)
{
    bool seen = false;
    for (char key; (key = screen_key()); seen = true)
        if (key == 'q')
            top->ended = true;
        else if (key == 's')
            top->order = (top->order + 1) % ORDER_COUNT;
    return seen;
}

/* Waits for the time, a key, a signal, or the reader of our pipe to go away. */
static enum exit_code wait_until(struct top *top, uint64_t due_ns)
{
    for (uint64_t now_ns; !interrupted() && (now_ns = clock_monotonic_ns()) < due_ns;) {
        struct pollfd fds[] = {
            { .fd = interrupt_fd(), .events = POLLIN },
            { .fd = STDOUT_FILENO, .events = 0 },
            { .fd = top->screen.live ? STDIN_FILENO : -1, .events = POLLIN },
        };
        poll(fds, 3, milliseconds(due_ns - now_ns));
        if (!top->screen.live && fds[1].revents & POLLERR)
            return output_closed();
        if (fds[2].revents && read_keys(top))
            break;
    }
    return EXIT_OK;
}

static bool is_done(const struct top *top)
{
    return top->ended || interrupted() || (top->values->count && top->shown >= top->values->count);
}

static enum exit_code watch(struct top *top)
{
    enum exit_code code = take(top);
    if (code != EXIT_OK)
        return fail(code, "%s", top->reason);
    screen_open(&top->screen);
    if (top->screen.live)
        code = show(top);
    while (code == EXIT_OK && !is_done(top)) {
        code = wait_until(top, clock_monotonic_ns() + top->values->interval_ns);
        if (code == EXIT_OK && !is_done(top))
            code = take_again(top);
    }
    screen_close(&top->screen);
    return code;
}

/* ---- the command ---- */

static const char *or_environment(const char *value, const char *name)
{
    const char *other = getenv(name);
    return value || !other || !*other ? value : other;
}

static enum exit_code choose_order(struct top *top)
{
    const char *sort = top->values->sort;
    for (top->order = 0; top->order < ORDER_COUNT; top->order++)
        if (strcmp(orders[top->order], sort) == 0)
            return EXIT_OK;
    return fail(EXIT_USAGE, "--sort %s: there is no such order; 'posthorn help top' shows those there are", sort);
}

static enum exit_code choose_target(struct top *top)
{
    const struct top_values *values = top->values;
    const char *url = or_environment(values->url, "POSTHORN_HTTP_URL");
    const char *user = values->user, *password = values->password, *token = values->token;
    if (!user && !password && !token) {
        user = or_environment(NULL, "POSTHORN_USER");
        token = or_environment(NULL, "POSTHORN_TOKEN");
    }
    if (user && !password)
        password = or_environment(NULL, "POSTHORN_PASSWORD");
    top->target.secure = values->secure;
    const struct secure_values environment = secure_environment();
    secure_fill_in(&top->target.secure, &environment);
    return fetch_target_init(&top->target, url ? url : "http://127.0.0.1:8222", user, password, token);
}

enum exit_code top_run(void *arg, struct operands operands)
{
    struct top top = { .values = arg };
    (void)operands;
    if (top.values->interval_ns == 0)
        return fail(EXIT_USAGE, "--interval 0: there would be no end of asking");
    enum exit_code code = choose_order(&top);
    if (code == EXIT_OK)
        code = choose_target(&top);
    if (code == EXIT_OK && !interrupt_watch())
        code = EXIT_FAILED;
    if (code == EXIT_OK)
        code = watch(&top);
    sample_finish(&top.now);
    sample_finish(&top.before);
    fetch_target_finish(&top.target);
    return code;
}
