/* posthorn webhook list, info, log and dead. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "interrupt.h"
#include "output.h"
#include "say.h"
#include "util/text.h"
#include "util/units.h"
#include "webhook.h"

enum { NS_PER_MS = 1000000, LINE_SIZE = 1200 };

struct values {
    struct server_values server;
    struct api_values api;
    bool names, secret, follow;
    uint64_t count, interval_ns;
};

#define FIELD(member) offsetof(struct values, member)

/* ---- list ---- */

static const struct option list_options[] = {
    { "names", 0, NULL, OPTION_FLAG, FIELD(names), NULL, "print the names alone" },
    { 0 },
};

static const struct option_group list_groups[] = {
    { "Options", list_options, 0 },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details webhook_list_details = {
    .operands = "",
    .values_size = sizeof(struct values),
    .groups = list_groups,
    .about = "Prints a line for each webhook: its name, what it is at (active, failing or disabled), how many messages "
             "were delivered, how many attempts failed, how many messages are dead, and how many wait, its pattern and "
             "its URL.",
};

static void put_row(void *arg, const cJSON *webhook)
{
    struct table *table = arg;
    table_put(table, "%s", object_text(webhook, "name"));
    table_put(table, "%s", object_text(webhook, "state"));
    table_put(table, "%.0f", object_number(webhook, "delivered"));
    table_put(table, "%.0f", object_number(webhook, "failed"));
    table_put(table, "%.0f", object_number(webhook, "dead"));
    table_put(table, "%.0f", object_number(webhook, "waiting") + object_number(webhook, "unsettled"));
    table_put(table, "%s", object_text(webhook, "pattern"));
    table_put(table, "%s", object_text(webhook, "url"));
}

static void put_heads(struct table *table)
{
    static const char *const heads[] = {
        "NAME", "STATE", "DELIVERED", "FAILED", "DEAD", "WAITING", "PATTERN", "URL",
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_put(table, "%s", heads[i]);
}

static void print_name(void *arg, const cJSON *webhook)
{
    const struct api *api = arg;
    if (!api->values.json)
        printf("%s\n", object_text(webhook, "name"));
}

static enum exit_code list(struct api *api, const struct values *values)
{
    static const char what[] = "cannot list the webhooks";
    struct table table;
    cJSON *request = must(cJSON_CreateObject());
    table_init(&table, "llrrrrll");
    put_heads(&table);
    enum exit_code code = values->names ? api_list(api, request, "webhooks", what, "list", print_name, api)
                                        : api_list(api, request, "webhooks", what, "list", put_row, &table);
    if (code == EXIT_OK && !values->names && !api->values.json)
        table_print(&table, stdout);
    table_finish(&table);
    cJSON_Delete(request);
    return code;
}

enum exit_code webhook_list_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { 0 };
    (void)operands;
    enum exit_code code = webhook_open(&api, &values->server, &values->api, NULL);
    if (code == EXIT_OK)
        code = list(&api, values);
    api_close(&api);
    return code;
}

/* ---- info ---- */

static const struct option info_options[] = {
    { "secret", 0, NULL, OPTION_FLAG, FIELD(secret), NULL, "print the secrets by which it signs too" },
    { 0 },
};

static const struct option_group info_groups[] = {
    { "Options", info_options, 0 },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details webhook_info_details = {
    .operands = "WEBHOOK",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct values),
    .groups = info_groups,
    .about = "Prints the settings of a webhook, under the names of the options of 'add', and what has come of it.",
};

static void put_text(struct table *table, const char *name, const char *text)
{
    table_put(table, "%s", name);
    table_put(table, "%s", *text ? text : "-");
}

static void put_pairs(struct table *table, const char *name, const cJSON *pairs)
{
    const cJSON *pair;
    cJSON_ArrayForEach(pair, pairs)
    {
        table_put(table, "%s", name);
        table_put(table, "%s=%s", pair->string, cJSON_IsString(pair) ? pair->valuestring : "");
    }
}

static void put_moment(struct table *table, const char *name, const cJSON *answer, const char *field)
{
    char text[OBJECT_MOMENT_SIZE];
    put_text(table, name, object_moment(answer, field, text));
}

static void put_streams(struct table *table, const cJSON *answer)
{
    char text[512] = "";
    size_t used = 0;
    const cJSON *stream;
    cJSON_ArrayForEach(stream, object_member(answer, "streams"))
        if (used < sizeof text && cJSON_IsString(stream))
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? ", " : "", stream->valuestring);
    put_text(table, "streams", text);
}

static const struct {
    const char *name, *field;
} counts[] = {
    { "delivered", "delivered" },
    { "failed attempts", "failed" },
    { "dead", "dead" },
    { "filtered out", "filtered" },
    { "lost", "lost" },
    { "under way", "in_flight" },
    { "unsettled", "unsettled" },
    { "waiting", "waiting" },
};

static void put_state(struct table *table, const cJSON *answer)
{
    put_text(table, "state", object_text(answer, "state"));
    if (*object_text(answer, "disabled_reason"))
        put_text(table, "disabled because", object_text(answer, "disabled_reason"));
    put_text(table, "configured", object_flag(answer, "configured") ? "yes" : "no");
    put_text(table, "durable", object_flag(answer, "durable") ? "yes" : "no");
    put_streams(table, answer);
    put_moment(table, "created", answer, "created");
    put_moment(table, "last success", answer, "last_success");
    put_moment(table, "failing since", answer, "failing_since");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        table_put(table, "%s", counts[i].name);
        table_put(table, "%.0f", object_number(answer, counts[i].field));
    }
}

static void put_secrets(struct table *table, const cJSON *answer)
{
    char until[OBJECT_MOMENT_SIZE];
    const cJSON *secret;
    cJSON_ArrayForEach(secret, object_member(answer, "secrets"))
    {
        bool ends = object_member(secret, "expires") != NULL;
        table_put(table, "secret");
        table_put(table, "%s%s%s", object_text(secret, "secret"), ends ? "  until " : "",
                  ends ? object_moment(secret, "expires", until) : "");
    }
}

static void print_info(const cJSON *answer, const cJSON *secrets)
{
    struct table table;
    table_init(&table, "ll");
    put_text(&table, "name", object_text(answer, "name"));
    settings_show(webhook_settings, answer, &table);
    put_pairs(&table, "filter", object_member(answer, "filter"));
    put_pairs(&table, "header", object_member(answer, "headers"));
    put_secrets(&table, secrets);
    put_state(&table, answer);
    table_print(&table, stdout);
    table_finish(&table);
}

enum exit_code webhook_info_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { 0 };
    cJSON *answer = NULL, *secrets = NULL;
    const char *name = operands.texts[0];
    enum exit_code code = webhook_open(&api, &values->server, &values->api, name);
    if (code == EXIT_OK)
        code = webhook_ask(&api, NULL, &answer, "show", "get", name);
    if (code == EXIT_OK && values->secret)
        code = webhook_ask(&api, NULL, &secrets, "show the secrets of", "secrets", name);
    if (code == EXIT_OK && !values->api.json) {
        print_info(answer, secrets);
        webhook_warn(answer);
    }
    cJSON_Delete(answer);
    cJSON_Delete(secrets);
    api_close(&api);
    return code;
}

/* ---- log ---- */

static const struct option log_options[] = {
    { "count", 'n', "N", OPTION_COUNT, FIELD(count), NULL, "only the newest N" },
    { "follow", 'f', NULL, OPTION_FLAG, FIELD(follow), NULL, "go on with those that come, until Ctrl-C" },
    { "interval", 0, "TIME", OPTION_DURATION, FIELD(interval_ns), "1s", "with --follow: look as often" },
    { 0 },
};

static const struct option_group log_groups[] = {
    { "Options", log_options, 0 },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

static const struct example log_examples[] = {
    { "What does the receiver say?", "posthorn webhook log billing -n 1" },
    { 0 },
};

const struct command_details webhook_log_details = {
    .operands = "WEBHOOK",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct values),
    .groups = log_groups,
    .about = "Prints a line for each of the last attempts, the oldest first: time, result, status of the answer, "
             "duration, id of the message, which attempt it was, when the next is due, and the first bytes of the "
             "answer or why there was none. With --json each is an object.",
    .examples = log_examples,
};

/* What has been printed; attempts come newest first. */
struct follower {
    struct api api;
    const struct values *values;
    const char *name;
    cJSON *last;                     /* the newest that was printed; NULL: none */
};

static bool is_same(const cJSON *a, const cJSON *b)
{
    return a && b && strcmp(object_text(a, "time"), object_text(b, "time")) == 0 &&
           strcmp(object_text(a, "id"), object_text(b, "id")) == 0 &&
           object_number(a, "attempt") == object_number(b, "attempt");
}

/* What others have written cannot steer the terminal. */
static void print_shown(const char *text)
{
    char shown[LINE_SIZE];
    printf("  %s", text_show(slice_of(text), shown, sizeof shown));
}

static void print_attempt(const cJSON *attempt)
{
    char time[OBJECT_MOMENT_SIZE], next[OBJECT_MOMENT_SIZE], duration[UNITS_TEXT_SIZE];
    double status = object_number(attempt, "status");
    units_format_duration((uint64_t)object_number(attempt, "duration_ms") * NS_PER_MS, duration);
    printf("%s  %-9s  %3.0f  %6s  %s  #%.0f", object_moment(attempt, "time", time), object_text(attempt, "result"),
           status, duration, object_text(attempt, "id"), object_number(attempt, "attempt"));
    if (object_member(attempt, "next"))
        printf("  next %s", object_moment(attempt, "next", next));
    if (object_member(attempt, "error"))
        print_shown(object_text(attempt, "error"));
    if (object_member(attempt, "answer"))
        print_shown(object_text(attempt, "answer"));
    putchar('\n');
}

static void print_json(const cJSON *attempt)
{
    char *text = must(cJSON_PrintUnformatted(attempt));
    printf("%s\n", text);
    free(text);
}

/* How many of the newest are to be printed. */
static int count_new(const struct follower *follower, const cJSON *attempts)
{
    const cJSON *attempt;
    int count = 0;
    cJSON_ArrayForEach(attempt, attempts)
    {
        if (is_same(attempt, follower->last))
            return count;
        count++;
    }
    bool is_first = !follower->last;
    uint64_t wanted = follower->values->count;
    return is_first && wanted && wanted < (uint64_t)count ? (int)wanted : count;
}

static void print_new(struct follower *follower, cJSON *attempts)
{
    int count = count_new(follower, attempts);
    if (count == 0)
        return;
    for (int i = count - 1; i >= 0; i--) {
        const cJSON *attempt = cJSON_GetArrayItem(attempts, i);
        if (follower->values->api.json)
            print_json(attempt);
        else
            print_attempt(attempt);
    }
    cJSON_Delete(follower->last);
    follower->last = cJSON_DetachItemFromArray(attempts, 0);
}

static enum exit_code look(struct follower *follower)
{
    cJSON *answer = NULL;
    enum exit_code code = webhook_ask(&follower->api, NULL, &answer, "show the attempts of", "attempts",
                                      follower->name);
    print_new(follower, cJSON_GetObjectItemCaseSensitive(answer, "attempts"));
    cJSON_Delete(answer);
    return code;
}

/* Until a signal, or until the reader of our pipe has gone. */
static enum exit_code follow(struct follower *follower)
{
    enum exit_code code = EXIT_OK;
    while (code == EXIT_OK && !interrupted()) {
        struct pollfd fds[CONNECTION_FDS + 1] = { [CONNECTION_FDS] = { .fd = STDOUT_FILENO, .events = 0 } };
        if (fflush(stdout) != 0)
            return EXIT_OK; /* it is told at the end */
        code = connection_turn(&follower->api.connection, fds, CONNECTION_FDS + 1,
                               milliseconds(follower->values->interval_ns));
        if (code == EXIT_OK && fds[CONNECTION_FDS].revents & POLLERR)
            return output_closed();
        if (code == EXIT_OK && !interrupted())
            code = look(follower);
    }
    return code;
}

enum exit_code webhook_log_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api_values asked = { .timeout_ns = values->api.timeout_ns }; /* attempts are printed one by one */
    struct follower follower = { .values = values, .name = operands.texts[0] };
    enum exit_code code = webhook_open(&follower.api, &values->server, &asked, follower.name);
    if (code == EXIT_OK && values->follow && !interrupt_watch())
        code = EXIT_FAILED;
    if (code == EXIT_OK)
        code = look(&follower);
    if (code == EXIT_OK && values->follow)
        code = follow(&follower);
    cJSON_Delete(follower.last);
    api_close(&follower.api);
    return code;
}

/* ---- dead ---- */

static const struct option_group dead_groups[] = {
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details webhook_dead_details = {
    .operands = "WEBHOOK",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct values),
    .groups = dead_groups,
    .about = "Prints a line for each message that a webhook has given up, the newest first: when, the id, how many "
             "attempts there were, the topic, and why. 'replay' sends them once more.",
};

static void put_dead_heads(struct table *table)
{
    static const char *const heads[] = { "TIME", "ID", "ATTEMPTS", "TOPIC", "REASON" };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_put(table, "%s", heads[i]);
}

static void print_dead(const cJSON *answer)
{
    char time[OBJECT_MOMENT_SIZE];
    const cJSON *letter;
    struct table table;
    table_init(&table, "llrll");
    put_dead_heads(&table);
    cJSON_ArrayForEach(letter, object_member(answer, "dead"))
    {
        table_put(&table, "%s", object_moment(letter, "time", time));
        table_put(&table, "%s", object_text(letter, "id"));
        table_put(&table, "%.0f", object_number(letter, "attempts"));
        table_put(&table, "%s", object_text(letter, "topic"));
        table_put(&table, "%s", object_text(letter, "reason"));
    }
    table_print(&table, stdout);
    table_finish(&table);
}

enum exit_code webhook_dead_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { 0 };
    cJSON *answer = NULL;
    enum exit_code code = webhook_open(&api, &values->server, &values->api, operands.texts[0]);
    if (code == EXIT_OK)
        code = webhook_ask(&api, NULL, &answer, "show the dead letters of", "dead", operands.texts[0]);
    if (answer && !values->api.json)
        print_dead(answer);
    cJSON_Delete(answer);
    api_close(&api);
    return code;
}
