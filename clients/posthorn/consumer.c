#include "consumer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "say.h"
#include "util/clock.h"
#include "util/moment.h"
#include "util/units.h"

#define SETTING_VALUES consumer_settings

const struct setting consumer_settings[] = {
    CONSUMER_SETTINGS_FIXED(SETTING_ROW) CONSUMER_SETTINGS(SETTING_ROW) { 0 },
};
static const struct option add_settings[] = {
    CONSUMER_SETTINGS_FIXED(SETTING_OPTION) CONSUMER_SETTINGS(SETTING_OPTION) { 0 },
};
static const struct option edit_settings[] = { CONSUMER_SETTINGS(SETTING_OPTION) { 0 } };

static const struct option_group no_groups[] = { { 0 } };

const struct command_details consumer_details = {
    .operands = "",
    .groups = no_groups,
    .about = "A consumer reads a stream for those who share its work: the server knows how far it has come, and "
             "delivers again what was not acknowledged. 'posthorn sub --durable NAME --ack' makes one where there is "
             "none, and reads it.",
};

struct values {
    struct server_values server;
    struct api_values api;
    struct consumer_settings settings;
    struct text_list filters;
    const char *since;
    bool yes;
};

#define FIELD(member) offsetof(struct values, member)

/* ---- asking ---- */

enum exit_code consumer_open(struct api *api, const struct server_values *server, const struct api_values *values,
                             const char *stream, const char *consumer)
{
    enum exit_code code = api_check_name("stream", stream);
    if (code == EXIT_OK && consumer)
        code = api_check_name("consumer", consumer);
    return code == EXIT_OK ? api_open(api, server, values, CONNECTION_ONCE) : code;
}

enum exit_code consumer_ask(struct api *api, cJSON *request, cJSON **ret_answer, const char *verb, const char *call,
                            const char *stream, const char *consumer)
{
    char what[600];
    snprintf(what, sizeof what, "cannot %s the consumer %s of the stream %s", verb, consumer, stream);
    return api_ask(api, request, ret_answer, what, "CONSUMER.%s.%s.%s", call, stream, consumer);
}

enum exit_code consumer_make(struct api *api, cJSON *config, cJSON **ret_answer, const char *verb, const char *action,
                             const char *stream, const char *name)
{
    char what[320];
    cJSON *request = must(cJSON_CreateObject());
    object_put_text(request, "stream_name", stream);
    object_put(request, "config", config);
    object_put_text(request, "action", action);
    if (name)
        return consumer_ask(api, request, ret_answer, verb, "DURABLE.CREATE", stream, name);
    snprintf(what, sizeof what, "cannot %s a consumer to the stream %s", verb, stream);
    return api_ask(api, request, ret_answer, what, "CONSUMER.CREATE.%s", stream);
}

/* ---- add ---- */

static const struct option add_options[] = {
    { "filter", 0, "PATTERN", OPTION_LIST, FIELD(filters), NULL,
      "deliver only what matches; may be given again and again" },
    { "since", 0, "WHERE", OPTION_TEXT, FIELD(since), "all",
      "begin with all messages, the last, the last-per-topic, new ones, a SEQUENCE, or a time: 1h (ago), "
      "2026-01-31T23:59:59Z" },
    { 0 },
};

static const struct option_group add_groups[] = {
    { "Options", add_options, 0 },
    { "Settings", add_settings, FIELD(settings) },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

static const struct example add_examples[] = {
    { "For workers that pull:", "posthorn consumer add jobs workers --ack-wait 5m --deliveries-max 5" },
    { "Only what was paid, from yesterday on:",
      "posthorn consumer add orders billing --filter 'orders.*.paid' --since 24h" },
    { 0 },
};

const struct command_details consumer_add_details = {
    .operands = "STREAM [NAME]",
    .operand_min = 1,
    .operand_max = 2,
    .values_size = sizeof(struct values),
    .groups = add_groups,
    .about = "Makes a consumer of a stream. With a NAME it stays until it is removed; without one the server gives it "
             "a name, which is printed, and forgets it when nobody has used it for a while.",
    .examples = add_examples,
};

static const struct {
    const char *word, *policy;
} policies[] = {
    { "all", "all" },
    { "new", "new" },
    { "last", "last" },
    { "last-per-topic", "last_per_subject" },
};

static void put_start_time(cJSON *config, uint64_t time_ms)
{
    char text[MOMENT_SIZE + 1];
    *moment_write(text, time_ms) = '\0';
    object_put_text(config, "deliver_policy", "by_start_time");
    object_put_text(config, "opt_start_time", text);
}

static enum exit_code put_since(cJSON *config, const char *since)
{
    uint64_t number, now_ms = clock_wall_ms();
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
        if (strcmp(policies[i].word, since) == 0) {
            object_put_text(config, "deliver_policy", policies[i].policy);
            return EXIT_OK;
        }
    if (units_parse_count(since, &number) && number) {
        object_put_text(config, "deliver_policy", "by_start_sequence");
        object_put_number(config, "opt_start_seq", (double)number);
    } else if (units_parse_duration(since, &number) && number / 1000000 < now_ms) {
        put_start_time(config, now_ms - number / 1000000);
    } else if (moment_parse(slice_of(since), &number)) {
        put_start_time(config, number);
    } else {
        return fail(EXIT_USAGE, "--since: '%s' is none of all, new, last, last-per-topic, a sequence, or a time",
                    since);
    }
    return EXIT_OK;
}

/* One goes where servers have always looked for it. */
void consumer_set_filters(cJSON *config, const char *const *patterns, size_t count)
{
    cJSON_DeleteItemFromObjectCaseSensitive(config, "filter_subject");
    cJSON_DeleteItemFromObjectCaseSensitive(config, "filter_subjects");
    if (count == 1)
        object_put_text(config, "filter_subject", patterns[0]);
    if (count < 2)
        return;
    cJSON *array = must(cJSON_CreateArray());
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(array, must(cJSON_CreateString(patterns[i])));
    object_put(config, "filter_subjects", array);
}

static enum exit_code fill_config(cJSON *config, const struct values *values, const char *name)
{
    object_put_text(config, "ack_policy", "explicit");
    object_put_text(config, "replay_policy", "instant");
    if (name) {
        object_put_text(config, "durable_name", name);
        object_put_text(config, "name", name);
    }
    consumer_set_filters(config, values->filters.texts, values->filters.count);
    enum exit_code code = put_since(config, values->since);
    return code == EXIT_OK ? settings_write(consumer_settings, &values->settings, config) : code;
}

static enum exit_code add(struct api *api, cJSON *config, const char *stream, const char *name)
{
    cJSON *answer = NULL;
    enum exit_code code = consumer_make(api, config, &answer, "add", "create", stream, name);
    if (code == EXIT_OK && !name && !api->values.json)
        printf("%s\n", object_text(answer, "name"));
    cJSON_Delete(answer);
    return code;
}

enum exit_code consumer_add_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    const char *name = operands.texts[1]; /* NULL behind the last */
    struct api api = { 0 };
    cJSON *config = must(cJSON_CreateObject());
    enum exit_code code = fill_config(config, values, name);
    if (code == EXIT_OK)
        code = consumer_open(&api, &values->server, &values->api, operands.texts[0], name);
    if (code == EXIT_OK)
        code = add(&api, config, operands.texts[0], name);
    else
        cJSON_Delete(config);
    api_close(&api);
    return code;
}

/* ---- edit ---- */

static const struct option edit_options[] = {
    { "filter", 0, "PATTERN", OPTION_LIST, FIELD(filters), NULL,
      "deliver only what matches; may be given again and again, in place of all that it has" },
    { 0 },
};

static const struct option_group edit_groups[] = {
    { "Options", edit_options, 0 },
    { "Settings", edit_settings, FIELD(settings) },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details consumer_edit_details = {
    .operands = "STREAM CONSUMER",
    .operand_min = 2,
    .operand_max = 2,
    .values_size = sizeof(struct values),
    .groups = edit_groups,
    .about = "Changes what the options say, and leaves all else as it is.",
};

static bool changes_something(const struct values *values)
{
    const char *const *texts = (const char *const *)&values->settings;
    bool given = values->filters.count > 0;
    for (size_t i = 0; i < sizeof values->settings / sizeof *texts; i++)
        given = given || texts[i];
    return given;
}

static enum exit_code edit(struct api *api, const struct values *values, const char *stream, const char *name)
{
    cJSON *answer = NULL;
    bool json = api->values.json;
    api->values.json = false; /* the answer that counts is the second */
    enum exit_code code = consumer_ask(api, NULL, &answer, "edit", "INFO", stream, name);
    api->values.json = json;
    cJSON *config = cJSON_DetachItemFromObjectCaseSensitive(answer, "config");
    cJSON_Delete(answer);
    if (code != EXIT_OK)
        return code;
    config = config ? config : must(cJSON_CreateObject());
    if (values->filters.count)
        consumer_set_filters(config, values->filters.texts, values->filters.count);
    code = settings_write(consumer_settings, &values->settings, config);
    if (code == EXIT_OK)
        return consumer_make(api, config, NULL, "edit", "update", stream, name);
    cJSON_Delete(config);
    return code;
}

enum exit_code consumer_edit_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { 0 };
    if (!changes_something(values))
        return fail(EXIT_USAGE, "say what to change: give an option");
    enum exit_code code =
        consumer_open(&api, &values->server, &values->api, operands.texts[0], operands.texts[1]);
    if (code == EXIT_OK)
        code = edit(&api, values, operands.texts[0], operands.texts[1]);
    api_close(&api);
    return code;
}

/* ---- remove ---- */

static const struct option remove_options[] = {
    { "yes", 'y', NULL, OPTION_FLAG, FIELD(yes), NULL, "do not ask whether it is meant" },
    { 0 },
};

static const struct option_group remove_groups[] = {
    { "Options", remove_options, 0 },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details consumer_remove_details = {
    .operands = "STREAM CONSUMER",
    .operand_min = 2,
    .operand_max = 2,
    .values_size = sizeof(struct values),
    .groups = remove_groups,
    .about = "Removes a consumer: how far it has come is forgotten. The messages stay. A terminal is asked first.",
};

enum exit_code consumer_remove_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    const char *stream = operands.texts[0], *name = operands.texts[1];
    struct api api = { 0 };
    enum exit_code code = consumer_open(&api, &values->server, &values->api, stream, name);
    if (code == EXIT_OK)
        code = api_confirm(values->yes, "remove the consumer %s of the stream %s?", name, stream);
    if (code == EXIT_OK)
        code = consumer_ask(&api, NULL, NULL, "remove", "DELETE", stream, name);
    api_close(&api);
    return code;
}
